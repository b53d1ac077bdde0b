"""What Stripe can do, as its documentation of currencies, amounts and API version 2026-10-28.endive says."""

from typing import Final

from gateways.capabilities import Capabilities
from gateways.stripe.currencies import from_wire
from kit.money import EXPONENTS

# What a Checkout Session can be restricted to by `allowed_payment_method_types`, without a Customer of Stripe's.
# Which of them the payer sees is also a matter of what the account has switched on.
_METHODS: Final = (
    "acss_debit affirm afterpay_clearpay alipay amazon_pay au_becs_debit bacs_debit bancontact blik boleto card cashapp"
    " crypto eps grabpay ideal klarna konbini link mb_way mobilepay multibanco nz_bank_account oxxo p24 paynow paypal"
    " pix promptpay revolut_pay satispay sepa_debit swish twint upi us_bank_account wechat_pay"
)
_CURRENCIES: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BZD CAD CDF CHF CLP CNY COP"
    " CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR ISK JMD"
    " JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN"
    " NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD"
    " SZL THB TJS TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW"
)

# Where the account settles in another currency, that one's minimum holds, after a conversion at the day's rate.
_MINIMUMS: Final = {
    30: "GBP",
    50: "ARS AUD BRL CAD CHF COP EUR IDR ILS INR JPY KRW NZD PHP RUB SGD USD ZAR",
    200: "AED MYR PLN RON",
    250: "DKK",
    300: "NOK SEK",
    400: "HKD",
    1000: "MXN THB",
    1500: "CZK",
    17_500: "HUF",
}
_DIGITS: Final = {"IDR": 12, "COP": 10, "INR": 9}


def _largest(currency: str, digits: int) -> int:
    return from_wire(10**digits - 1, currency)


def _step(currency: str) -> int:
    """Three-decimal amounts must end in 0; an ariary is written without its fifths."""
    return 10 if EXPONENTS[currency] == 3 else from_wire(1, currency) or 1


CAPABILITIES: Final = Capabilities(
    methods=frozenset(_METHODS.split()),
    currencies=frozenset(_CURRENCIES.split()),
    minimums={currency: least for least, currencies in _MINIMUMS.items() for currency in currencies.split()},
    maximums={currency: _largest(currency, _DIGITS.get(currency, 8)) for currency in _CURRENCIES.split()},
    method_maximums={"card": {currency: _largest(currency, 12) for currency in _CURRENCIES.split()}},
    steps={currency: step for currency in _CURRENCIES.split() if (step := _step(currency)) > 1},
)
