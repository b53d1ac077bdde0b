// A pay button for any page: <script async src="…/embed.js" data-link="…" data-label="Donate" data-amount></script>
// It stands where the script stands. With data-amount the payer names the amount first. It needs nothing of a page's
// Content-Security-Policy but a script-src for this address.
"use strict";
(() => {
  const script = document.currentScript;
  const { link, label = "Pay", amount, target = "_self" } = script.dataset;
  if (!/^[0-9a-z]{1,40}$/.test(link || "")) {
    console.error("paygraph: data-link must be the last part of a payment link's address.");
    return;
  }
  const address = new URL(`/l/${link}`, script.src);
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { display: inline-block; font: 1rem/1.4 system-ui, sans-serif; }
    form { display: flex; flex-wrap: wrap; gap: 8px; margin: 0; }
    input { width: 8em; min-height: 44px; padding: 8px 12px; border: 1px solid #8f8878; border-radius: 10px; font: inherit; box-sizing: border-box; }
    .button { display: inline-block; min-height: 44px; padding: 10px 22px; border: 0; border-radius: 10px; box-sizing: border-box;
      background: #1f5d4c; color: #fffefb; font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; }
    .button:hover { filter: brightness(1.1); }
    :focus-visible { outline: 3px solid #1f5d4c; outline-offset: 2px; }
  `);
  const host = document.createElement("span");
  const shadow = host.attachShadow({ mode: "open" });
  shadow.adoptedStyleSheets = [style];
  const make = (name, facts) => Object.assign(document.createElement(name), facts);

  if (amount === undefined) {
    shadow.append(make("a", { className: "button", href: address.href, target, rel: "noopener", textContent: label }));
  } else {
    const form = make("form", {});
    const input = make("input", { type: "text", inputMode: "decimal", autocomplete: "off", maxLength: 30, value: amount });
    input.setAttribute("aria-label", script.dataset.amountLabel || "Amount");
    form.append(input, make("button", { className: "button", textContent: label }));
    form.addEventListener("submit", (event) => {
      event.preventDefault(); // a page's form-action need not name us
      address.searchParams.set("amount", input.value);
      open(address.href, target, "noopener");
    });
    shadow.append(form);
  }
  script.after(host);
})();
