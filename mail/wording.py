"""What mails say, in each language that we write. Whoever reads another gets English, with amounts of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

from models import MailKind


@dataclass(frozen=True, slots=True)
class Words:
    """`{merchant}` and `{amount}` stand for their names."""

    subject: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Language:
    """`special` is what is said instead of `usual` where a mail's kind has two outcomes, by the outcome."""

    usual: Mapping[MailKind, Words]
    special: Mapping[tuple[MailKind, str], Words]
    labels: Mapping[str, str]
    greeting: str
    pay: str
    manage: str
    from_merchant: str
    to_contact: str
    test_mode: str

    def words(self, kind: MailKind, outcome: str | None) -> Words:
        return self.special.get((kind, outcome or ""), self.usual[kind])


_ENGLISH = Language(
    usual={
        MailKind.LINK: Words(
            "Payment request from {merchant}",
            "{merchant} asks you for a payment",
            "You pay on a safe page and need no account.",
        ),
        MailKind.REMINDER: Words(
            "Reminder: payment request from {merchant}",
            "A payment is still open",
            "{merchant} waits for this payment. If you have paid meanwhile, you can forget this mail.",
        ),
        MailKind.RECEIPT: Words(
            "Receipt from {merchant}", "Thank you, it is paid", "{merchant} has received your payment."
        ),
        MailKind.PAYMENT_FAILED: Words(
            "Your payment to {merchant} did not go through",
            "Your payment did not go through",
            "Your bank did not complete it, and nothing has been taken. Please pay {merchant} in another way.",
        ),
        MailKind.REFUND: Words(
            "Refund from {merchant}",
            "Your money is on its way back",
            "{merchant} has given this amount back, the way it came. It may take some days until you see it.",
        ),
        MailKind.PAID: Words("Paid: {amount}", "You have been paid", "An order has all of its money."),
        MailKind.DISPUTE_OPENED: Words(
            "Dispute over {amount}",
            "A payer’s bank contests a payment",
            "The bank holds the money until this is decided. Answer in time: an answer is given once.",
        ),
        MailKind.DISPUTE_DUE_SOON: Words(
            "Answer soon: dispute over {amount}",
            "The deadline of a dispute comes near",
            "Nobody has answered yet. Without an answer the bank decides for the payer.",
        ),
        MailKind.PAYMENT_CONFLICTED: Words(
            "Please look into a payment of {amount}",
            "A payment contradicts its order",
            "The payment provider says something else than the order does. It does not count as paid:"
            " somebody has to look into it.",
        ),
        MailKind.RENEWAL_FAILED: Words(
            "Your payment to {merchant} did not go through",
            "Your subscription could not be paid",
            "Nothing has been taken. It is tried again by itself; you can also pay now, or leave another card.",
        ),
        MailKind.TRIAL_ENDING: Words(
            "Your trial at {merchant} ends soon",
            "Your trial ends soon",
            "Then your subscription begins, and this amount is due each period. You can end it before.",
        ),
        MailKind.SUBSCRIPTION_CANCELED: Words(
            "Your subscription at {merchant} has ended",
            "Your subscription has ended",
            "Nothing more will be charged. You are welcome to come back to {merchant} at any time.",
        ),
        MailKind.HOLD_DUE_SOON: Words(
            "Please release or refund {amount} soon",
            "Money has been held for long",
            "The payment provider lets it be held no longer than this. Release or refund it before: else what its rule"
            " says is done.",
        ),
        MailKind.WEBHOOK_ENDPOINT_DISABLED: Words(
            "A webhook endpoint is disabled",
            "We have stopped sending to a webhook endpoint",
            "It failed for days, or said that it is gone. No event is lost: once you enable it again, it gets"
            " everything that has happened since.",
        ),
    },
    special={
        (MailKind.REFUND, "failed"): Words(
            "Your refund from {merchant} did not go through",
            "Your refund did not go through",
            "This amount could not be given back the way it came. Please ask {merchant} for another way.",
        ),
        (MailKind.RENEWAL_FAILED, "unpaid"): Words(
            "Your payment to {merchant} did not go through",
            "Your subscription could not be paid",
            "Nothing has been taken, and it is not tried again. Please pay now to go on with your subscription.",
        ),
        (MailKind.RENEWAL_FAILED, "ended"): Words(
            "Your payment to {merchant} did not go through",
            "Your subscription could not be paid",
            "Nothing has been taken, and it is not tried again: your subscription has ended. To go on, please subscribe"
            " anew at {merchant}.",
        ),
        (MailKind.DISPUTE_OPENED, "warning_needs_response"): Words(
            "Inquiry about {amount}",
            "A payer’s bank asks about a payment",
            "No money has moved yet. An answer, or a refund, may prevent a dispute.",
        ),
    },
    labels={
        "purpose": "For",
        "order": "Order",
        "amount": "Amount",
        "card": "Paid with",
        "email": "Payer",
        "reason": "Reason",
        "conflict": "What differs",
        "endpoint": "Endpoint",
        "due_by": "Answer by",
        "expires_at": "Pay by",
        "next_attempt_at": "Next try",
        "trial_end": "Trial ends",
    },
    greeting="Hello {name},",
    pay="Pay now",
    manage="See your subscription, pay, or change your card",
    from_merchant="Paygraph sends this mail for {merchant}.",
    to_contact="You get this mail as the contact of {merchant}.",
    test_mode="Test mode: no real money moves.",
)

_GERMAN = Language(
    usual={
        MailKind.LINK: Words(
            "Zahlungsanfrage von {merchant}",
            "{merchant} bittet Sie um eine Zahlung",
            "Sie zahlen auf einer sicheren Seite und brauchen kein Konto.",
        ),
        MailKind.REMINDER: Words(
            "Erinnerung: Zahlungsanfrage von {merchant}",
            "Eine Zahlung ist noch offen",
            "{merchant} wartet auf diese Zahlung. Haben Sie inzwischen gezahlt, ist diese Mail gegenstandslos.",
        ),
        MailKind.RECEIPT: Words(
            "Beleg von {merchant}", "Vielen Dank, es ist bezahlt", "{merchant} hat Ihre Zahlung erhalten."
        ),
        MailKind.PAYMENT_FAILED: Words(
            "Ihre Zahlung an {merchant} ist nicht zustande gekommen",
            "Ihre Zahlung ist nicht zustande gekommen",
            "Ihre Bank hat sie nicht ausgeführt, es wurde nichts abgebucht. Bitte zahlen Sie {merchant}"
            " auf andere Weise.",
        ),
        MailKind.REFUND: Words(
            "Erstattung von {merchant}",
            "Ihr Geld ist auf dem Weg zurück",
            "{merchant} hat diesen Betrag auf demselben Weg erstattet. Bis Sie ihn sehen, können einige Tage vergehen.",
        ),
        MailKind.PAID: Words("Bezahlt: {amount}", "Sie wurden bezahlt", "Eine Bestellung ist vollständig bezahlt."),
        MailKind.DISPUTE_OPENED: Words(
            "Zahlung angefochten: {amount}",
            "Die Bank eines Käufers ficht eine Zahlung an",
            "Die Bank hält das Geld zurück, bis entschieden ist. Antworten Sie rechtzeitig: das geht nur einmal.",
        ),
        MailKind.DISPUTE_DUE_SOON: Words(
            "Bald antworten: angefochtene Zahlung über {amount}",
            "Die Frist einer angefochtenen Zahlung läuft bald ab",
            "Noch hat niemand geantwortet. Ohne Antwort entscheidet die Bank für den Käufer.",
        ),
        MailKind.PAYMENT_CONFLICTED: Words(
            "Bitte prüfen: Zahlung über {amount}",
            "Eine Zahlung widerspricht ihrer Bestellung",
            "Der Zahlungsanbieter meldet etwas anderes, als in der Bestellung steht. Sie gilt nicht als bezahlt:"
            " jemand muss nachsehen.",
        ),
        MailKind.RENEWAL_FAILED: Words(
            "Ihre Zahlung an {merchant} ist nicht zustande gekommen",
            "Ihr Abonnement konnte nicht bezahlt werden",
            "Es wurde nichts abgebucht. Es wird von selbst wieder versucht; Sie können auch jetzt zahlen oder eine"
            " andere Karte hinterlegen.",
        ),
        MailKind.TRIAL_ENDING: Words(
            "Ihre Probezeit bei {merchant} endet bald",
            "Ihre Probezeit endet bald",
            "Dann beginnt Ihr Abonnement, und dieser Betrag wird je Zeitraum fällig. Vorher können Sie es beenden.",
        ),
        MailKind.SUBSCRIPTION_CANCELED: Words(
            "Ihr Abonnement bei {merchant} ist beendet",
            "Ihr Abonnement ist beendet",
            "Es wird nichts mehr abgebucht. Bei {merchant} sind Sie jederzeit wieder willkommen.",
        ),
        MailKind.HOLD_DUE_SOON: Words(
            "Bitte bald freigeben oder erstatten: {amount}",
            "Geld liegt schon lange zurückgehalten",
            "Länger als bis dahin lässt der Zahlungsanbieter es nicht liegen. Bitte geben Sie es vorher frei oder"
            " erstatten Sie es: sonst geschieht, was die Regel dafür sagt.",
        ),
        MailKind.WEBHOOK_ENDPOINT_DISABLED: Words(
            "Ein Webhook-Endpunkt ist abgeschaltet",
            "Wir senden nicht mehr an einen Webhook-Endpunkt",
            "Er hat tagelang nicht funktioniert oder gesagt, dass es ihn nicht mehr gibt. Kein Ereignis geht verloren:"
            " sobald Sie ihn wieder einschalten, bekommt er alles, was inzwischen geschehen ist.",
        ),
    },
    special={
        (MailKind.REFUND, "failed"): Words(
            "Ihre Erstattung von {merchant} ist nicht zustande gekommen",
            "Ihre Erstattung ist nicht zustande gekommen",
            "Dieser Betrag konnte nicht auf demselben Weg erstattet werden. Bitte fragen Sie {merchant}"
            " nach einem anderen.",
        ),
        (MailKind.RENEWAL_FAILED, "unpaid"): Words(
            "Ihre Zahlung an {merchant} ist nicht zustande gekommen",
            "Ihr Abonnement konnte nicht bezahlt werden",
            "Es wurde nichts abgebucht, und es wird nicht wieder versucht. Bitte zahlen Sie jetzt, um Ihr Abonnement"
            " fortzusetzen.",
        ),
        (MailKind.RENEWAL_FAILED, "ended"): Words(
            "Ihre Zahlung an {merchant} ist nicht zustande gekommen",
            "Ihr Abonnement konnte nicht bezahlt werden",
            "Es wurde nichts abgebucht, und es wird nicht wieder versucht: Ihr Abonnement ist beendet. Um fortzufahren,"
            " schließen Sie bei {merchant} bitte ein neues ab.",
        ),
        (MailKind.DISPUTE_OPENED, "warning_needs_response"): Words(
            "Rückfrage zu {amount}",
            "Die Bank eines Käufers fragt nach einer Zahlung",
            "Noch ist kein Geld geflossen. Eine Antwort oder eine Erstattung kann eine Anfechtung verhindern.",
        ),
    },
    labels={
        "purpose": "Für",
        "order": "Bestellung",
        "amount": "Betrag",
        "card": "Bezahlt mit",
        "email": "Käufer",
        "reason": "Grund",
        "conflict": "Was abweicht",
        "endpoint": "Endpunkt",
        "due_by": "Antwort bis",
        "expires_at": "Zahlbar bis",
        "next_attempt_at": "Nächster Versuch",
        "trial_end": "Probezeit endet",
    },
    greeting="Guten Tag {name},",
    pay="Jetzt bezahlen",
    manage="Ihr Abonnement ansehen, bezahlen oder die Karte wechseln",
    from_merchant="Diese Mail sendet Paygraph für {merchant}.",
    to_contact="Sie erhalten diese Mail als Kontakt von {merchant}.",
    test_mode="Testmodus: es fließt kein echtes Geld.",
)

LANGUAGES: Mapping[str, Language] = {"en": _ENGLISH, "de": _GERMAN}
