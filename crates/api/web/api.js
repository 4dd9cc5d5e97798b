// Calls the API: JSON in and out, problems as errors, server-sent events as an iteration.

import { askForKey, authorization } from "./key.js";

/// Why a call failed: an RFC 9457 problem document, or what stands for one.
export class Problem extends Error {
  constructor(status, { title, detail, errors = [] }) {
    super(detail ?? title);
    this.status = status;
    this.errors = errors;
  }
}

/// Makes a call and gives its answer; `undefined` where that is empty.
export async function call(path, asked = {}) {
  const answer = await ask(path, asked);
  const text = await answer.text();
  return text ? JSON.parse(text) : undefined;
}

/// The video as it changes, until it has ended. Read by `fetch`, because `EventSource` sends no key.
export async function* events(id, signal) {
  const answer = await ask(`/videos/${encodeURIComponent(id)}/events`, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (text + value).split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const data = part.split("\n").filter((line) => line.startsWith("data:"));
      if (data.length) yield JSON.parse(data.map((line) => line.slice(5)).join("\n"));
    }
  }
}

async function ask(path, { method = "GET", body, signal } = {}) {
  const kind = body ? { "Content-Type": "application/json" } : {};
  for (;;) {
    const key = authorization();
    const headers = { ...kind, ...key };
    const answer = await fetch(path, { method, headers, signal, body: body && JSON.stringify(body) })
      .catch((error) => {
        if (signal?.aborted) throw error;
        throw new Problem(0, { title: "The service does not answer. Is it running?" });
      });
    if (answer.ok) return answer;
    if (answer.status !== 401) throw await problem(answer);
    await askForKey(key.Authorization);
  }
}

async function problem(answer) {
  const title = `The service answered ${answer.status}.`;
  const document = await answer.json().catch(() => ({}));
  return new Problem(answer.status, { title, ...document });
}
