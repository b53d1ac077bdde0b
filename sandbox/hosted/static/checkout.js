// Comfort only: the form works without it.
(() => {
  const form = document.getElementById("pay");
  const field = (name) => form.elements.namedItem(name);

  document.getElementById("problems")?.focus();

  const group = (text) => {
    const digits = text.replace(/\D/g, "").slice(0, 19);
    if (/^3[47]/.test(digits)) {
      return [digits.slice(0, 4), digits.slice(4, 10), digits.slice(10, 15)].filter(Boolean).join(" ");
    }
    return digits.replace(/(.{4})(?=.)/g, "$1 ");
  };
  const number = field("number");
  number?.addEventListener("input", () => {
    if (number.selectionStart === number.value.length) number.value = group(number.value);
  });
  const expiry = field("expiry");
  expiry?.addEventListener("input", (event) => {
    if (event.inputType?.startsWith("delete")) return;
    const digits = expiry.value.replace(/\D/g, "").slice(0, 4);
    if (digits.length >= 2 && expiry.selectionStart === expiry.value.length) {
      expiry.value = `${digits.slice(0, 2)} / ${digits.slice(2)}`;
    }
  });

  const use = (card) => {
    const radio = document.getElementById("method-card");
    if (radio) radio.checked = true;
    number.value = card;
    expiry.value ||= `12 / ${(new Date().getFullYear() + 3) % 100}`;
    field("cvc").value ||= /^3[47]/.test(card) ? "1234" : "123";
    field("name").value ||= "Jane Diaz";
    if (field("email") && !field("email").value) field("email").value = "jane.diaz@example.com";
    form.querySelector("button.pay").focus();
  };
  for (const code of document.querySelectorAll("[data-number]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "number";
    button.textContent = code.textContent;
    button.setAttribute("aria-label", `Use ${code.textContent}: ${code.nextElementSibling.textContent}`);
    button.addEventListener("click", () => use(code.dataset.number));
    code.replaceWith(button);
  }
  for (const code of document.querySelectorAll(".accounts code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "number";
    button.textContent = code.textContent;
    button.addEventListener("click", () => {
      code.panel.querySelector("input").value = button.textContent;
    });
    code.panel = code.closest(".panel");
    code.replaceWith(button);
  }

  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    const button = form.querySelector("button.pay");
    button.setAttribute("aria-busy", "true");
    button.textContent = "Processing…";
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });
})();
