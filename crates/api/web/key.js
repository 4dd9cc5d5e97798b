// The API key: asked for when the API wants one, and kept until the tab is closed.

import { part } from "./element.js";

const PLACE = "millrace-api-key";
let asking;

/// The header that carries the key; none without a key.
export function authorization() {
  const key = sessionStorage.getItem(PLACE);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/// Asks for a key, because the one that was `used` does not open. Asked by several at once, it asks once.
export async function askForKey(used) {
  if (authorization().Authorization !== used) return;
  asking ??= ask(used !== undefined).finally(() => (asking = undefined));
  await asking;
}

function ask(refused) {
  const dialog = part("key");
  const text = part("key-text");
  text.ariaInvalid = refused ? "true" : null;
  part("key-reason").textContent = refused
    ? "This key is not valid. It may be mistyped or revoked."
    : "This service requires a key. It is kept until this tab is closed.";
  return new Promise((done) => {
    const closed = () => {
      const key = text.value.trim();
      // Closed by Escape: nothing works without a key.
      if (!key) return dialog.showModal();
      dialog.removeEventListener("close", closed);
      text.value = "";
      sessionStorage.setItem(PLACE, key);
      return done();
    };
    dialog.addEventListener("close", closed);
    dialog.showModal();
  });
}
