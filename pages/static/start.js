// Comfort only: buttons to copy, and a sign that a purchase is on its way. The page works without.
"use strict";
(() => {
  const news = document.getElementById("news");

  const copyButton = (text, name) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy: ${name}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      news.textContent = `Copied: ${name}`;
      setTimeout(() => {
        button.textContent = "Copy";
        news.textContent = "";
      }, 2000);
    });
    return button;
  };

  if (navigator.clipboard) {
    for (const figure of document.querySelectorAll("figure.code")) {
      const caption = figure.querySelector("figcaption");
      caption.append(copyButton(figure.querySelector("code").textContent, caption.textContent));
    }
    for (const place of document.querySelectorAll("[data-copy]")) {
      const name = place.parentElement.querySelector("dt, h2").textContent;
      place.append(" ", copyButton(place.dataset.copy, name));
    }
  }

  for (const form of document.querySelectorAll("form")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = "yes";
      const button = form.querySelector("button");
      button.setAttribute("aria-busy", "true");
      button.textContent = "Opening…";
    });
  }
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload(); // a page that was kept holds intents that may be used up
  });
})();
