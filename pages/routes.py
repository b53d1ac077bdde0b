"""The pages and their addresses."""

from starlette.routing import BaseRoute, Mount, Route

from pages.assets import STATIC, Assets
from pages.mails import mail_html, mail_page, mails_page
from pages.returning import pay_again, return_live, return_page
from pages.shop import buy, start_page

ROUTES: list[BaseRoute] = [
    Route("/", start_page),
    Route("/demo/buy", buy, methods=["POST"]),
    Route("/mails", mails_page),
    Route("/mails/{mail_id}", mail_page),
    Route("/mails/{mail_id}/html", mail_html),
    Route("/return/{payment_id}/{token}", return_page),
    Route("/return/{payment_id}/{token}/live", return_live),
    Route("/return/{payment_id}/{token}/again", pay_again, methods=["POST"]),
    Mount("/static", Assets(directory=STATIC)),
]
