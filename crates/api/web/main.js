// Shows the part of the page that the address names: `#/` the list, `#/videos/ID` one video.

import { part } from "./element.js";
import { showForm } from "./form.js";
import { showList } from "./list.js";
import { showVideo } from "./video.js";

let leave = new AbortController();

function show() {
  leave.abort();
  leave = new AbortController();
  const id = location.hash.match(/^#\/videos\/([^/]+)$/)?.[1];
  part("home").hidden = Boolean(id);
  part("video").hidden = !id;
  document.title = "Millrace";
  if (id) showVideo(decodeURIComponent(id), leave.signal);
  else showList(leave.signal);
}

document.querySelector(".skip").addEventListener("click", (event) => {
  // The address names what is shown, so it stays.
  event.preventDefault();
  part("content").focus();
});
addEventListener("hashchange", () => {
  show();
  part("content").focus();
});
showForm();
show();
