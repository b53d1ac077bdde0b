// Follows a payment or a subscription live: shows what is new in place, and says it aloud. The page works without.
"use strict";
(() => {
  const AGAIN_AFTER = 10000;
  const receipt = document.getElementById("receipt");
  const news = document.getElementById("news");
  const following = document.getElementById("following");
  const followed = following.textContent;
  const address = new URL(receipt.dataset.live, location.href);
  let stream = null;
  let timer = 0;
  let settled = false;

  const show = (told) => {
    const changed = told.state !== receipt.dataset.state || told.title !== document.title;
    const hadFocus = receipt.contains(document.activeElement);
    receipt.innerHTML = told.html;
    receipt.dataset.state = told.state;
    document.title = told.title;
    if (hadFocus) receipt.querySelector("h1").focus();
    if (changed) news.textContent = `${told.title}. ${told.text}`;
  };

  const close = () => {
    clearTimeout(timer);
    stream?.close();
    stream = null;
  };

  const say = (text) => {
    following.textContent = text;
  };

  const open = () => {
    if (settled || stream || document.hidden) return;
    stream = new EventSource(address);
    stream.onopen = () => say(followed);
    stream.onmessage = (message) => {
      const told = JSON.parse(message.data);
      address.searchParams.set("after", message.lastEventId);
      show(told);
      if (told.settled) {
        settled = true;
        close();
        following.hidden = true;
      }
    };
    stream.onerror = () => {
      say("The connection is lost. Trying again…");
      if (stream?.readyState !== EventSource.CLOSED) return; // the browser comes again by itself
      close();
      timer = setTimeout(open, AGAIN_AFTER);
    };
  };

  following.hidden = false;
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
})();
