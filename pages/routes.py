"""The pages and their addresses."""

from starlette.routing import BaseRoute, Mount, Route

from pages.assets import STATIC, Assets
from pages.links import embed, invoice, link_page, pay_link, qr_png, qr_svg
from pages.mails import mail_html, mail_page, mails_page
from pages.returning import pay_again, return_live, return_page
from pages.shop import buy, start_page
from pages.subscriptions import change_method, invoice_page, subscription_live, subscription_page

ROUTES: list[BaseRoute] = [
    Route("/", start_page),
    Route("/demo/buy", buy, methods=["POST"]),
    Route("/mails", mails_page),
    Route("/mails/{mail_id}", mail_page),
    Route("/mails/{mail_id}/html", mail_html),
    Route("/return/{payment_id}/{token}", return_page),
    Route("/return/{payment_id}/{token}/live", return_live),
    Route("/return/{payment_id}/{token}/again", pay_again, methods=["POST"]),
    Route("/l/{slug}", link_page),
    Route("/l/{slug}", pay_link, methods=["POST"]),
    Route("/l/{slug}/invoice", invoice),
    Route("/l/{slug}/qr.svg", qr_svg),
    Route("/l/{slug}/qr.png", qr_png),
    Route("/embed.js", embed),
    Route("/subscriptions/{subscription_id}/{token}", subscription_page),
    Route("/subscriptions/{subscription_id}/{token}/live", subscription_live),
    Route("/subscriptions/{subscription_id}/{token}/method", change_method, methods=["POST"]),
    Route("/invoices/{invoice_id}/{token}", invoice_page),
    Mount("/static", Assets(directory=STATIC)),
]
