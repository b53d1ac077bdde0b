"""The payment methods that are no cards: who is offered them, how they confirm, and what their test accounts do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Flow = Literal["card", "redirect", "delayed"]


@dataclass(frozen=True)
class Method:
    """`currencies` empty means any. `manual` says whether it can be authorized now and captured later."""

    type: str
    title: str
    flow: Flow
    currencies: frozenset[str] = frozenset()
    manual: bool = False
    account: str | None = None
    """The form field that holds the bank account's number, for delayed methods that ask for one."""

    def takes(self, currency: str) -> bool:
        return not self.currencies or currency in self.currencies


def _redirect(type: str, title: str, currencies: str = "", *, manual: bool = False) -> Method:
    return Method(type, title, "redirect", frozenset(currencies.split()), manual)


def _delayed(type: str, title: str, currencies: str, account: str | None = None) -> Method:
    return Method(type, title, "delayed", frozenset(currencies.split()), account=account)


METHODS: Final = (
    Method("card", "Card", "card", manual=True),
    _redirect("link", "Link", manual=True),
    _delayed("us_bank_account", "US bank account (ACH)", "usd", "account_number"),
    _redirect("paypal", "PayPal", "usd eur gbp cad aud chf czk dkk hkd nok nzd pln sek sgd", manual=True),
    _redirect("klarna", "Klarna", "usd eur gbp cad aud chf czk dkk nok nzd pln ron sek", manual=True),
    _redirect("amazon_pay", "Amazon Pay", "usd eur gbp jpy aud chf dkk hkd nok nzd sek zar", manual=True),
    _redirect("cashapp", "Cash App Pay", "usd", manual=True),
    _redirect("affirm", "Affirm", "usd cad", manual=True),
    _redirect("afterpay_clearpay", "Afterpay / Clearpay", "usd cad gbp aud nzd", manual=True),
    _redirect("crypto", "Stablecoins (crypto)", "usd"),
    _redirect("ideal", "iDEAL", "eur"),
    _redirect("bancontact", "Bancontact", "eur"),
    _redirect("eps", "EPS", "eur"),
    _redirect("p24", "Przelewy24", "eur pln"),
    _redirect("mb_way", "MB WAY", "eur"),
    _redirect("satispay", "Satispay", "eur", manual=True),
    _redirect("revolut_pay", "Revolut Pay", "eur gbp ron huf pln dkk", manual=True),
    _redirect("mobilepay", "MobilePay", "eur dkk sek nok", manual=True),
    _delayed("sepa_debit", "SEPA Direct Debit", "eur", "iban"),
    _delayed("multibanco", "Multibanco", "eur"),
    _delayed("bacs_debit", "Bacs Direct Debit", "gbp", "account_number"),
    _delayed("au_becs_debit", "BECS Direct Debit", "aud", "account_number"),
    _delayed("acss_debit", "Pre-authorized debit (Canada)", "cad usd", "account_number"),
    _delayed("nz_bank_account", "NZ BECS Direct Debit", "nzd", "account_number"),
    _redirect("twint", "TWINT", "chf", manual=True),
    _redirect("blik", "BLIK", "pln"),
    _redirect("swish", "Swish", "sek"),
    _redirect("upi", "UPI", "inr"),
    _redirect("alipay", "Alipay", "usd eur gbp cad aud cny hkd jpy myr nzd sgd"),
    _redirect("wechat_pay", "WeChat Pay", "usd eur gbp cad aud cny hkd jpy sgd chf dkk nok sek"),
    _redirect("grabpay", "GrabPay", "sgd myr"),
    _redirect("paynow", "PayNow", "sgd"),
    _redirect("promptpay", "PromptPay", "thb"),
    _redirect("pix", "Pix", "brl"),
    _delayed("boleto", "Boleto", "brl"),
    _delayed("oxxo", "OXXO", "mxn"),
    _delayed("konbini", "Konbini", "jpy"),
)
BY_TYPE: Final = {method.type: method for method in METHODS}

ALL_TYPES: Final = tuple(
    [
        "acss_debit",
        "affirm",
        "afterpay_clearpay",
        "alipay",
        "alma",
        "amazon_pay",
        "au_becs_debit",
        "bacs_debit",
        "bancontact",
        "billie",
        "bizum",
        "blik",
        "boleto",
        "card",
        "cashapp",
        "crypto",
        "customer_balance",
        "eps",
        "fpx",
        "giropay",
        "grabpay",
        "ideal",
        "kakao_pay",
        "klarna",
        "konbini",
        "kr_card",
        "link",
        "mb_way",
        "mobilepay",
        "multibanco",
        "naver_pay",
        "nz_bank_account",
        "oxxo",
        "p24",
        "pay_by_bank",
        "payco",
        "paynow",
        "paypal",
        "paypay",
        "payto",
        "pix",
        "promptpay",
        "revolut_pay",
        "samsung_pay",
        "satispay",
        "scalapay",
        "sepa_debit",
        "sequra",
        "sofort",
        "sunbit",
        "swish",
        "twint",
        "upi",
        "us_bank_account",
        "wechat_pay",
        "zip",
    ]
)
"""What may be named in allowed_ and excluded_payment_method_types."""

DEFAULT_OFF: Final = frozenset({"alipay", "wechat_pay", "acss_debit", "promptpay", "grabpay"})
"""Not offered unless asked for: an account switches these on."""

DelayedOutcome = Literal["succeeds", "never"] | tuple[str, str]

NO_ACCOUNT: Final = ("no_account", "The customer's bank account could not be located.")
CLOSED: Final = ("account_closed", "The customer's bank account has been closed.")
NO_FUNDS: Final = ("insufficient_funds", "The customer's account has insufficient funds to cover this payment.")
NOT_AUTHORIZED: Final = (
    "debit_not_authorized",
    "The customer has notified their bank that this payment was unauthorized.",
)

ACCOUNTS: Final[dict[str, dict[str, tuple[DelayedOutcome, str]]]] = {
    "us_bank_account": {
        "000123456789": ("succeeds", "pm_usBankAccount_success"),
        "000111111113": (CLOSED, "pm_usBankAccount_accountClosed"),
        "000111111116": (NO_ACCOUNT, "pm_usBankAccount_noAccount"),
        "000222222227": (NO_FUNDS, "pm_usBankAccount_insufficientFunds"),
        "000333333335": (NOT_AUTHORIZED, "pm_usBankAccount_debitNotAuthorized"),
        "000000000009": ("never", "pm_usBankAccount_processing"),
    },
    "sepa_debit": {
        "AT611904300234573201": ("succeeds", "pm_sepaDebit_success_at"),
        "AT861904300235473202": (NO_FUNDS, "pm_sepaDebit_failed_at"),
        "DE89370400440532013000": ("succeeds", "pm_sepaDebit_success_de"),
        "DE62370400440532013001": (NO_FUNDS, "pm_sepaDebit_failed_de"),
    },
    "bacs_debit": {
        "00012345": ("succeeds", "pm_bacsDebit_success"),
        "22222227": (NO_FUNDS, "pm_bacsDebit_insufficientFunds"),
        "33333335": (NOT_AUTHORIZED, "pm_bacsDebit_debitNotAuthorized"),
    },
    "au_becs_debit": {
        "000123456": ("succeeds", "pm_auBecsDebit_success"),
        "111111113": (CLOSED, "pm_auBecsDebit_accountClosed"),
        "222222227": (NO_FUNDS, "pm_auBecsDebit_insufficientFunds"),
    },
    "acss_debit": {
        "000123456789": ("succeeds", "pm_acssDebit_success"),
        "000222222227": (NO_FUNDS, "pm_acssDebit_insufficientFunds"),
    },
    "nz_bank_account": {
        "0000123": ("succeeds", "pm_nzBankAccount_success"),
        "2222227": (NO_FUNDS, "pm_nzBankAccount_insufficientFunds"),
    },
}
"""Test account numbers: what becomes of a payment from them, and the PaymentMethod that stands for each."""

TOKENS: Final = {token: (type, number) for type, numbers in ACCOUNTS.items() for number, (_, token) in numbers.items()}


def delayed_outcome(type: str, number: str | None) -> DelayedOutcome:
    """What becomes of a payment from this account; unknown numbers succeed."""
    known = ACCOUNTS.get(type, {}).get(number or "")
    return known[0] if known else "succeeds"


def available(
    currency: str, *, allowed: list[str] | None, excluded: list[str], capture_method: str = "automatic"
) -> list[str]:
    """The types that a payment in this currency offers, in order of display."""

    def offered(method: Method) -> bool:
        if method.type in excluded or not method.takes(currency):
            return False
        if capture_method == "manual" and not method.manual:
            return False
        return method.type in allowed if allowed else method.type not in DEFAULT_OFF

    return [method.type for method in METHODS if offered(method)]


def details(type: str, number: str | None, fingerprint: str) -> dict[str, Any]:
    """The part of a PaymentMethod that is named after its type."""
    last4 = (number or "")[-4:] or None
    known: dict[str, dict[str, Any]] = {
        "us_bank_account": {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": fingerprint,
            "last4": last4 or "6789",
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": {},
        },
        "sepa_debit": {
            "bank_code": "19043",
            "branch_code": "",
            "country": (number or "AT")[:2],
            "fingerprint": fingerprint,
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": last4 or "3201",
        },
        "bacs_debit": {"fingerprint": fingerprint, "last4": last4, "sort_code": "108800"},
        "au_becs_debit": {"bsb_number": "000000", "fingerprint": fingerprint, "last4": last4},
        "acss_debit": {
            "bank_name": "STRIPE TEST BANK",
            "fingerprint": fingerprint,
            "institution_number": "000",
            "last4": last4,
            "transit_number": "11000",
        },
        "nz_bank_account": {
            "account_holder_name": None,
            "bank_code": "11",
            "bank_name": "STRIPE TEST BANK",
            "branch_code": "0000",
            "last4": last4 or "0123",
            "suffix": "010",
        },
        "paypal": {"country": "US", "payer_email": None, "payer_id": None},
        "link": {"email": None},
        "cashapp": {"buyer_id": None, "cashtag": None},
        "ideal": {"bank": "ing", "bic": "INGBNL2A"},
        "eps": {"bank": None},
        "p24": {"bank": None},
        "boleto": {"tax_id": "000.000.000-00"},
        "upi": {"vpa": "success@stripeupi"},
    }
    return known.get(type, {})


CHARGE_DETAILS: Final[dict[str, str]] = {
    "affirm": "transaction_id",
    "afterpay_clearpay": "order_id reference",
    "alipay": "fingerprint transaction_id",
    "amazon_pay": "transaction_id",
    "bancontact": "bank_code bank_name bic generated_sepa_debit generated_sepa_debit_mandate iban_last4 "
    "preferred_language verified_name",
    "blik": "buyer_id",
    "cashapp": "buyer_id cashtag transaction_id",
    "eps": "bank verified_name",
    "grabpay": "transaction_id",
    "ideal": "bank bic generated_sepa_debit generated_sepa_debit_mandate iban_last4 transaction_id verified_name",
    "klarna": "payer_details payment_method_category preferred_locale",
    "konbini": "store",
    "link": "country",
    "mobilepay": "card",
    "multibanco": "entity reference",
    "oxxo": "number",
    "p24": "bank reference verified_name",
    "paynow": "reference",
    "paypal": "country payer_email payer_id payer_name seller_protection transaction_id",
    "promptpay": "reference",
    "revolut_pay": "transaction_id",
    "satispay": "transaction_id",
    "swish": "fingerprint payment_reference verified_phone_last4",
    "upi": "vpa",
    "wechat_pay": "fingerprint transaction_id",
    "sepa_debit": "bank_code branch_code country fingerprint last4 mandate",
    "us_bank_account": "account_holder_type account_type bank_name fingerprint last4 payment_reference routing_number",
    "bacs_debit": "fingerprint last4 mandate sort_code",
    "au_becs_debit": "bsb_number fingerprint last4",
    "acss_debit": "bank_name fingerprint institution_number last4 transit_number",
    "nz_bank_account": "account_holder_name bank_code bank_name branch_code last4 suffix",
    "boleto": "tax_id",
}
"""What a charge says of its method, by type; facts that the method does not know are null."""


def charge_details(type: str, method: dict[str, Any]) -> dict[str, Any]:
    """The part of charge.payment_method_details that is named after the type."""
    return {name: method.get(name) for name in CHARGE_DETAILS.get(type, "").split()}
