// Calls to the hub. A refusal becomes an Error whose message a person can read, in the page's language.

const language = document.documentElement.lang;
const textsElement = document.getElementById("texts");

export const texts = textsElement ? JSON.parse(textsElement.textContent) : {};

const csrf = document.querySelector("meta[name=csrf]")?.content ?? "";
const UNREACHABLE = language === "en" ? "The hub does not answer." : "Không kết nối được máy chủ.";

export class Refusal extends Error {
  constructor(answer, status) {
    super(answer?.[`message_${language}`] ?? answer?.message_vi ?? texts.no_network ?? UNREACHABLE);
    this.code = answer?.error ?? "";
    this.status = status;
  }
}

export async function call(method, path, body) {
  const headers = { "X-CSRF-Token": csrf };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: JSON.stringify(body) });
  } catch {
    throw new Refusal(null, 0);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) refuse(answer, response.status);
  return answer;
}

export async function fragment(path) {
  const response = await fetch(path);
  if (response.status === 401) location.assign("/login");
  if (!response.ok) throw new Refusal(null, response.status);
  return response.text();
}

// XMLHttpRequest, because fetch cannot tell how much has been sent.
export function sendForm(path, form, onProgress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("error", () => reject(new Refusal(null, 0)));
    request.addEventListener("load", () => {
      let answer = null;
      try { answer = JSON.parse(request.responseText); } catch { /* no JSON: refused below */ }
      if (request.status >= 200 && request.status < 300) resolve(answer);
      else try { refuse(answer, request.status); } catch (refusal) { reject(refusal); }
    });
    request.send(form);
  });
}

function refuse(answer, status) {
  if (status === 401 && location.pathname !== "/login") location.assign("/login");
  throw new Refusal(answer, status);
}

export function show(element, text) {
  element.textContent = text;
  element.hidden = !text;
}
