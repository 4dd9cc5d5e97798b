// Builds what is shown. Texts only ever become text nodes: titles, names and metadata are hostile.

/// An element. `on…` attributes are listeners; `null`, `undefined` and `false` are left out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

/// A link; mere text where the address is not one of the web.
export function link(address, text, attributes = {}) {
  return isWeb(address) ? element("a", { href: address, ...attributes }, text) : element("span", {}, text);
}

/// The element of the page with this id.
export const part = (id) => document.getElementById(id);

/// Has the reader of the screen say something.
export function say(text) {
  part("said").textContent = text;
}

function isWeb(address) {
  try {
    return ["http:", "https:"].includes(new URL(address, location.href).protocol);
  } catch {
    return false;
  }
}
