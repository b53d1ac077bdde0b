"""What a payment method is: the words for what is known of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class PaymentMethodType(StrEnum):
    """A way to pay. Its name is ours; a gateway has another for it."""

    CARD = "card"
    APPLE_PAY = "apple_pay"
    GOOGLE_PAY = "google_pay"
    LINK = "link"
    PAYPAL = "paypal"
    AMAZON_PAY = "amazon_pay"
    CASHAPP = "cashapp"
    REVOLUT_PAY = "revolut_pay"
    MOBILEPAY = "mobilepay"
    SATISPAY = "satispay"
    MB_WAY = "mb_way"
    ALIPAY = "alipay"
    WECHAT_PAY = "wechat_pay"
    GRABPAY = "grabpay"
    KLARNA = "klarna"
    AFTERPAY = "afterpay"
    AFFIRM = "affirm"
    UPI = "upi"
    PIX = "pix"
    PAYNOW = "paynow"
    PROMPTPAY = "promptpay"
    SWISH = "swish"
    NETBANKING = "netbanking"
    IMPS = "imps"
    NEFT = "neft"
    RTGS = "rtgs"
    IDEAL = "ideal"
    BANCONTACT = "bancontact"
    EPS = "eps"
    P24 = "p24"
    BLIK = "blik"
    TWINT = "twint"
    ACH_DEBIT = "ach_debit"
    SEPA_DEBIT = "sepa_debit"
    BACS_DEBIT = "bacs_debit"
    BECS_DEBIT = "becs_debit"
    NZ_DEBIT = "nz_debit"
    ACSS_DEBIT = "acss_debit"
    BANK_TRANSFER = "bank_transfer"
    SWIFT = "swift"
    BOLETO = "boleto"
    OXXO = "oxxo"
    KONBINI = "konbini"
    MULTIBANCO = "multibanco"
    CRYPTO = "crypto"


class MethodKind(StrEnum):
    """CARD runs on a card network, APM (alternative payment method) does not."""

    CARD = "card"
    APM = "apm"


class MethodFamily(StrEnum):
    """What sort of thing a method is."""

    CARD = "card"
    WALLET = "wallet"
    BNPL = "bnpl"
    REAL_TIME = "real_time"
    NETBANKING = "netbanking"
    BANK_REDIRECT = "bank_redirect"
    BANK_DEBIT = "bank_debit"
    BANK_TRANSFER = "bank_transfer"
    VOUCHER = "voucher"
    CRYPTO = "crypto"


class OutcomeDelay(StrEnum):
    """How long after checkout it may take until the outcome is known."""

    IMMEDIATE = "immediate"
    MINUTES = "minutes"
    DAYS = "days"


class RefundSupport(StrEnum):
    """What can be given back through the gateway."""

    NONE = "none"
    FULL = "full"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One row. `countries` are the payers'; None is everywhere. `currencies` None is all that the gateway charges.

    `home` says which currency a payer of a country pays in, where only that one will do. `delay_days` (business
    days) and `refund_days` are None where there is no such limit, or none is known. `gateway_name` is Stripe's;
    None where it has none, and `obstacle` then says so. A method in a `wallet` comes with the card page.
    """

    type: PaymentMethodType
    family: MethodFamily
    title: str
    gateway_name: str | None
    kind: MethodKind = MethodKind.APM
    wallet: str | None = None
    countries: frozenset[str] | None = None
    currencies: frozenset[str] | None = None
    home: Mapping[str, str] = field(default_factory=dict)
    minimums: Mapping[str, int] = field(default_factory=dict)
    maximums: Mapping[str, int] = field(default_factory=dict)
    delay: OutcomeDelay = OutcomeDelay.IMMEDIATE
    delay_days: int | None = None
    manual_capture: bool = False
    recurring: bool = False
    refunds: RefundSupport = RefundSupport.PARTIAL
    refund_days: int | None = None
    note: str | None = None
    obstacle: str | None = None

    @property
    def comes_with(self) -> PaymentMethodType | None:
        """The method on whose page it is found, for one that has no page of its own."""
        return PaymentMethodType.CARD if self.wallet else None
