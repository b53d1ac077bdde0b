"""What is known of every payment method, in one table.

The facts are Stripe's documentation of its payment methods and currencies and the enums of its API version
2026-10-28.endive; those of the Indian bank rails are the Reserve Bank's. What is not known for sure is left out:
a limit that is not here may still be met at the gateway. Amounts are in minor units. Whoever changes a row
changes VERSION.
"""

from collections.abc import Mapping
from typing import Any, Final

from domain.methods.method import Method, MethodFamily, MethodKind, OutcomeDelay, PaymentMethodType, RefundSupport

VERSION: Final = "2026-11-21"

_T, _F = PaymentMethodType, MethodFamily
_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_SEPA = f"{_EU} AD CH GB GI IS LI MC NO SM VA"
_KLARNA_HOMES = (
    "AT:EUR AU:AUD BE:EUR CA:CAD CH:CHF CZ:CZK DE:EUR DK:DKK ES:EUR FI:EUR FR:EUR GB:GBP GR:EUR IE:EUR IT:EUR NL:EUR"
    " NO:NOK NZ:NZD PL:PLN PT:EUR RO:RON SE:SEK US:USD"
)
_KLARNA_MAXIMUMS = (
    "AUD:400000 CAD:1750000 CHF:500000 CZK:10000000 DKK:10000000 EUR:1000000 GBP:500000 NOK:10000000 NZD:200000"
    " PLN:2000000 RON:2000000 SEK:10000000 USD:1000000"
)
_CHINESE = "For holders of a Chinese account, wherever they are."
_WITH_CARDS = "Comes with the card page, on devices that have it: to ask for it is to ask for CARD."


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in text.split())


def _row(
    type: PaymentMethodType,
    family: MethodFamily,
    title: str,
    name: str | None,
    countries: str | None,
    currencies: str | None,
    **more: Any,
) -> Method:
    return Method(
        type=type,
        family=family,
        title=title,
        gateway_name=name,
        countries=frozenset(countries.split()) if countries else None,
        currencies=frozenset(currencies.split()) if currencies else None,
        **more,
    )


def _card(type: PaymentMethodType, family: MethodFamily, title: str, **more: Any) -> Method:
    kind = MethodKind.CARD
    return _row(type, family, title, "card", None, None, kind=kind, manual_capture=True, recurring=True, **more)


def _at_home(type: PaymentMethodType, family: MethodFamily, title: str, name: str, homes: str, **more: Any) -> Method:
    home = _pairs(homes)
    return _row(type, family, title, name, " ".join(home), " ".join(home.values()), home=home, **more)


def _debit(type: PaymentMethodType, title: str, name: str, countries: str, currencies: str, **more: Any) -> Method:
    return _row(
        type, _F.BANK_DEBIT, title, name, countries, currencies, delay=OutcomeDelay.DAYS, recurring=True, **more
    )


def _indian(type: PaymentMethodType, title: str, obstacle: str, **more: Any) -> Method:
    none = RefundSupport.NONE
    return _row(type, _F.NETBANKING, title, None, "IN", "INR", refunds=none, obstacle=obstacle, **more)


TABLE: Final[tuple[Method, ...]] = (
    _card(_T.CARD, _F.CARD, "Card"),
    _card(_T.APPLE_PAY, _F.WALLET, "Apple Pay", wallet="apple_pay", note=_WITH_CARDS),
    _card(_T.GOOGLE_PAY, _F.WALLET, "Google Pay", wallet="google_pay", note=_WITH_CARDS),
    _row(_T.LINK, _F.WALLET, "Link", "link", None, None, manual_capture=True, recurring=True),
    _row(
        _T.PAYPAL,
        _F.WALLET,
        "PayPal",
        "paypal",
        None,
        "AUD CAD CHF CZK DKK EUR GBP HKD NOK NZD PLN SEK SGD USD",
        manual_capture=True,
        recurring=True,
        refund_days=180,
    ),
    _row(
        _T.AMAZON_PAY,
        _F.WALLET,
        "Amazon Pay",
        "amazon_pay",
        None,
        "AUD CHF DKK EUR GBP HKD JPY NOK NZD SEK USD ZAR",
        manual_capture=True,
        recurring=True,
        refund_days=90,
    ),
    _row(
        _T.CASHAPP,
        _F.WALLET,
        "Cash App Pay",
        "cashapp",
        "US",
        "USD",
        manual_capture=True,
        recurring=True,
        refund_days=90,
    ),
    _row(
        _T.REVOLUT_PAY,
        _F.WALLET,
        "Revolut Pay",
        "revolut_pay",
        f"{_EU} GB",
        "DKK EUR GBP HUF PLN RON",
        manual_capture=True,
        recurring=True,
        refund_days=180,
    ),
    _row(_T.MOBILEPAY, _F.WALLET, "MobilePay", "mobilepay", "DK FI", "DKK EUR NOK SEK", manual_capture=True),
    _row(_T.SATISPAY, _F.WALLET, "Satispay", "satispay", "IT", "EUR", manual_capture=True, refund_days=180),
    _row(
        _T.MB_WAY,
        _F.WALLET,
        "MB WAY",
        "mb_way",
        "PT",
        "EUR",
        minimums={"EUR": 50},
        maximums={"EUR": 500_000},
        refund_days=365,
    ),
    _row(
        _T.ALIPAY,
        _F.WALLET,
        "Alipay",
        "alipay",
        None,
        "AUD CAD CNY EUR GBP HKD JPY MYR NZD SGD USD",
        refund_days=90,
        note=_CHINESE,
    ),
    _row(
        _T.WECHAT_PAY,
        _F.WALLET,
        "WeChat Pay",
        "wechat_pay",
        None,
        "AUD CAD CHF CNY DKK EUR GBP HKD JPY NOK SEK SGD USD",
        refund_days=180,
        note=_CHINESE,
    ),
    _row(_T.GRABPAY, _F.WALLET, "GrabPay", "grabpay", "MY SG", "MYR SGD", refund_days=90),
    _at_home(
        _T.KLARNA,
        _F.BNPL,
        "Klarna",
        "klarna",
        _KLARNA_HOMES,
        minimums={"NZD": 1000},
        maximums={currency: int(most) for currency, most in _pairs(_KLARNA_MAXIMUMS).items()},
        manual_capture=True,
        recurring=True,
        refund_days=180,
        note="Klarna decides by country and amount how the payer pays it back. Not every country has it recur.",
    ),
    _at_home(
        _T.AFTERPAY,
        _F.BNPL,
        "Afterpay / Clearpay",
        "afterpay_clearpay",
        "AU:AUD CA:CAD GB:GBP NZ:NZD US:USD",
        minimums=dict.fromkeys(("AUD", "CAD", "GBP", "NZD", "USD"), 100),
        maximums={"AUD": 400_000, "CAD": 200_000, "GBP": 120_000, "NZD": 400_000, "USD": 400_000},
        manual_capture=True,
        refund_days=120,
        note="The payer and the merchant are in the same country.",
    ),
    _at_home(
        _T.AFFIRM,
        _F.BNPL,
        "Affirm",
        "affirm",
        "CA:CAD US:USD",
        minimums={"CAD": 5000, "USD": 3500},
        maximums={"CAD": 3_000_000, "USD": 3_000_000},
        manual_capture=True,
        refund_days=120,
        note="The payer and the merchant are in the same country.",
    ),
    _row(
        _T.UPI,
        _F.REAL_TIME,
        "UPI",
        "upi",
        "IN",
        "INR",
        recurring=True,
        refund_days=60,
        note="Recurring payments need a mandate, and their outcome takes days.",
    ),
    _row(
        _T.PIX,
        _F.REAL_TIME,
        "Pix",
        "pix",
        "BR",
        "BRL",
        minimums={"BRL": 50},
        recurring=True,
        refund_days=90,
        note="At most the worth of USD 3,000. Merchants in Brazil cannot have it recur.",
    ),
    _row(_T.PAYNOW, _F.REAL_TIME, "PayNow", "paynow", "SG", "SGD", refund_days=90),
    _row(
        _T.PROMPTPAY,
        _F.REAL_TIME,
        "PromptPay",
        "promptpay",
        "TH",
        "THB",
        note="For a refund the payer is asked for a bank account.",
    ),
    _row(_T.SWISH, _F.REAL_TIME, "Swish", "swish", "SE", "SEK", refund_days=365),
    _indian(_T.NETBANKING, "Netbanking", "The gateway has no netbanking that can be asked for."),
    _indian(
        _T.IMPS,
        "IMPS",
        "The gateway has no IMPS transfer that can be asked for.",
        maximums={"INR": 50_000_000},
    ),
    _indian(
        _T.NEFT,
        "NEFT",
        "The gateway has no NEFT transfer that can be asked for.",
        delay=OutcomeDelay.MINUTES,
        note="Settled in batches every half hour.",
    ),
    _indian(
        _T.RTGS,
        "RTGS",
        "The gateway has no RTGS transfer that can be asked for.",
        minimums={"INR": 20_000_000},
    ),
    _row(
        _T.IDEAL,
        _F.BANK_REDIRECT,
        "iDEAL | Wero",
        "ideal",
        "NL",
        "EUR",
        recurring=True,
        refund_days=180,
        note="Later charges of a recurring payment are SEPA direct debits.",
    ),
    _row(_T.BANCONTACT, _F.BANK_REDIRECT, "Bancontact", "bancontact", "BE", "EUR", refund_days=180),
    _row(_T.EPS, _F.BANK_REDIRECT, "EPS", "eps", "AT", "EUR", refund_days=180),
    _row(_T.P24, _F.BANK_REDIRECT, "Przelewy24", "p24", "PL", "EUR PLN", refund_days=180),
    _row(_T.BLIK, _F.BANK_REDIRECT, "BLIK", "blik", "PL", "PLN"),
    _row(
        _T.TWINT,
        _F.BANK_REDIRECT,
        "TWINT",
        "twint",
        "CH",
        "CHF",
        maximums={"CHF": 500_000},
        recurring=True,
        refund_days=180,
    ),
    _debit(_T.ACH_DEBIT, "ACH direct debit", "us_bank_account", "US", "USD", delay_days=4, refund_days=180),
    _debit(
        _T.SEPA_DEBIT,
        "SEPA direct debit",
        "sepa_debit",
        _SEPA,
        "EUR",
        maximums={"EUR": 1_000_000},
        delay_days=14,
        refund_days=180,
    ),
    _debit(_T.BACS_DEBIT, "Bacs direct debit", "bacs_debit", "GB", "GBP", maximums={"GBP": 10_000_000}, delay_days=7),
    _debit(
        _T.BECS_DEBIT,
        "BECS direct debit (Australia)",
        "au_becs_debit",
        "AU",
        "AUD",
        maximums={"AUD": 1_000_000},
        delay_days=3,
        refund_days=90,
    ),
    _debit(
        _T.NZ_DEBIT, "BECS direct debit (New Zealand)", "nz_bank_account", "NZ", "NZD", delay_days=2, refund_days=90
    ),
    _debit(_T.ACSS_DEBIT, "Pre-authorized debit", "acss_debit", "CA", "CAD USD", delay_days=5, refund_days=180),
    _row(
        _T.BANK_TRANSFER,
        _F.BANK_TRANSFER,
        "Bank transfer",
        "customer_balance",
        f"{_EU} GB JP MX US",
        "EUR GBP JPY MXN USD",
        delay=OutcomeDelay.DAYS,
        obstacle="The gateway takes bank transfers only from customers that it keeps itself, and none is kept there.",
    ),
    _row(
        _T.SWIFT,
        _F.BANK_TRANSFER,
        "SWIFT transfer",
        None,
        None,
        None,
        delay=OutcomeDelay.DAYS,
        refunds=RefundSupport.NONE,
        obstacle="The gateway has no SWIFT transfer that can be asked for.",
    ),
    _row(
        _T.BOLETO,
        _F.VOUCHER,
        "Boleto",
        "boleto",
        "BR",
        "BRL",
        minimums={"BRL": 500},
        maximums={"BRL": 4_999_999},
        delay=OutcomeDelay.DAYS,
        recurring=True,
        refunds=RefundSupport.NONE,
    ),
    _row(
        _T.OXXO,
        _F.VOUCHER,
        "OXXO",
        "oxxo",
        "MX",
        "MXN",
        minimums={"MXN": 1000},
        maximums={"MXN": 1_000_000},
        delay=OutcomeDelay.DAYS,
        refunds=RefundSupport.NONE,
    ),
    _row(
        _T.KONBINI,
        _F.VOUCHER,
        "Konbini",
        "konbini",
        "JP",
        "JPY",
        minimums={"JPY": 120},
        maximums={"JPY": 300_000},
        delay=OutcomeDelay.DAYS,
        note="For a refund the payer is asked for a bank account.",
    ),
    _row(
        _T.MULTIBANCO,
        _F.VOUCHER,
        "Multibanco",
        "multibanco",
        "PT",
        "EUR",
        minimums={"EUR": 50},
        maximums={"EUR": 9_999_900},
        delay=OutcomeDelay.DAYS,
        refund_days=365,
    ),
    _row(
        _T.CRYPTO,
        _F.CRYPTO,
        "Stablecoins",
        "crypto",
        None,
        "USD",
        maximums={"USD": 1_000_000},
        delay=OutcomeDelay.MINUTES,
        note="Not for payers in countries under sanctions. A refund goes back in stablecoins.",
    ),
)

BY_TYPE: Final[Mapping[PaymentMethodType, Method]] = {method.type: method for method in TABLE}
_BY_NAME: Final = {(method.gateway_name, method.wallet): method.type for method in TABLE if method.gateway_name}


def named(gateway_name: str, wallet: str | None = None) -> PaymentMethodType | None:
    """The method that a gateway's evidence names; a wallet we have no row for is the card in it."""
    return _BY_NAME.get((gateway_name, wallet)) or _BY_NAME.get((gateway_name, None))
