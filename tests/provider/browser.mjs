// A scripted browser: opens URL, follows redirects with cookies, fills in the
// forms it meets as a person would, and stops where nothing is left to do.
//
//   node browser.mjs URL
//
//   OPKSSH_TEST_USER          login name to give (alice)
//   OPKSSH_TEST_PROVIDER      which link of a provider chooser to follow (the first)
//   OPKSSH_TEST_BROWSER_MODE  login  fill in and submit (the default)
//                             deny   click cancel
//                             ignore note the opening, do nothing
//                             elsewhere  stop at the callback, as on a machine where nobody listens
//                             wrong-state  bring a state to the callback that nobody asked for
//   OPKSSH_TEST_BROWSER_LOG   file that gets one JSON line {"opened": URL} at the start
//                             and one {"url", "final_url", "final_status", "final_text"} at the end
//   OPKSSH_TEST_BROWSER_JAR   file to keep the cookies in from one run to the next
//   SSL_CERT_FILE             PEM of the CA to trust

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

const {
  OPKSSH_TEST_USER: user = "alice",
  OPKSSH_TEST_PROVIDER: wantedProvider,
  OPKSSH_TEST_BROWSER_MODE: mode = "login",
  OPKSSH_TEST_BROWSER_LOG: logFile,
  OPKSSH_TEST_BROWSER_JAR: jarFile,
  SSL_CERT_FILE: caFile,
} = process.env;

const MAX_PAGES = 40;
const REQUEST_TIMEOUT_MS = 60_000;

const start = process.argv[2];
const ca = caFile && existsSync(caFile) ? readFileSync(caFile) : undefined;
let jar = jarFile && existsSync(jarFile) ? JSON.parse(readFileSync(jarFile, "utf8")) : [];

record({ opened: start });
if (mode !== "ignore") {
  try {
    const { url, status, text } = await browse(start);
    record({ url: start, final_url: url, final_status: status, final_text: text });
  } catch (error) {
    record({ url: start, final_url: null, final_status: 0, final_text: `browser: ${error.message}` });
    process.exitCode = 1;
  }
  if (jarFile) writeFileSync(jarFile, JSON.stringify(jar), { mode: 0o600 });
}

async function browse(first) {
  let step = { method: "GET", url: new URL(first) };
  for (let page = 0; page < MAX_PAGES; page += 1) {
    if (mode === "wrong-state" && isCallback(step.url)) step.url.searchParams.set("state", "a-state-nobody-asked-for");
    if (mode === "elsewhere" && isCallback(step.url)) return { url: step.url.href, status: 0, text: "" };
    const answer = await fetchPage(step);
    const location = answer.headers.location;
    if (answer.status >= 300 && answer.status < 400 && location) {
      const keep = answer.status === 307 || answer.status === 308;
      step = { ...(keep ? step : { method: "GET" }), url: new URL(location, step.url) };
      continue;
    }
    const next = isCallback(step.url) || answer.status >= 400 ? undefined : nextStep(answer.text, step.url);
    if (!next) return { url: step.url.href, status: answer.status, text: answer.text };
    step = next;
  }
  throw new Error(`still not done after ${MAX_PAGES} pages`);
}

// Where the provider sends the person back to (RFC 6749, 4.1.2).
function isCallback(url) {
  const has = (name) => url.searchParams.has(name);
  return has("state") && (has("code") || has("error"));
}

function nextStep(html, base) {
  return chooserLink(html, base) ?? (mode === "deny" ? cancelLink(html, base) : undefined) ?? submitForm(html, base);
}

function chooserLink(html, base) {
  const choices = linksOf(html).filter(({ href }) => /(^|\/)select\/?\?/.test(href));
  if (choices.length === 0) return undefined;
  const wanted = wantedProvider?.toLowerCase();
  const chosen = wanted
    ? choices.find(({ href, text }) => text.toLowerCase().includes(wanted) || hasParameter(href, base, wanted))
    : choices[0];
  if (!chosen) throw new Error(`the chooser offers no provider ${wantedProvider}`);
  return { method: "GET", url: new URL(chosen.href, base) };
}

function hasParameter(href, base, wanted) {
  return [...new URL(href, base).searchParams.values()].some((value) => value.toLowerCase() === wanted);
}

function cancelLink(html, base) {
  const link = linksOf(html).find(({ href, text }) => isRefusal(`${href} ${text}`));
  return link && { method: "GET", url: new URL(link.href, base) };
}

function submitForm(html, base) {
  const form = /<form\b([^>]*)>(.*?)<\/form>/is.exec(html);
  if (!form) return undefined;
  const attributes = attributesOf(form[1]);
  const fields = new URLSearchParams();
  const buttons = [];
  for (const [, tag, rest] of form[2].matchAll(/<(input|button)\b([^>]*)>/gis)) {
    const field = attributesOf(rest);
    const type = (field.type ?? (tag.toLowerCase() === "button" ? "submit" : "text")).toLowerCase();
    if (type === "submit" || type === "image") buttons.push(field);
    else if (field.name && type !== "button" && type !== "reset") fields.append(field.name, valueFor(field, type));
  }
  // A page that asks for a device's code (RFC 8628, 3.3), which is not in our address: nobody told us one.
  if (fields.get("user_code") === "") return undefined;
  const button = buttons.find((it) => isRefusal(Object.values(it).join(" ")) === (mode === "deny")) ?? buttons[0];
  if (button?.name) fields.append(button.name, button.value ?? "");

  const url = new URL(button?.formaction ?? attributes.action ?? "", base);
  if ((attributes.method ?? "get").toLowerCase() === "post") return { method: "POST", url, body: fields.toString() };
  url.search = fields.toString();
  return { method: "GET", url };
}

function valueFor(field, type) {
  if (type === "hidden") return field.value ?? "";
  if (type === "password") return "any password will do";
  if (type === "checkbox") return field.value ?? "on";
  return /^(user|username|login|email|identifier)$/i.test(field.name) ? user : (field.value ?? "");
}

function isRefusal(text) {
  return /\b(abort|cancel|deny|denied|refuse|reject)\b/i.test(text);
}

function linksOf(html) {
  return [...html.matchAll(/<a\b([^>]*)>(.*?)<\/a>/gis)].map(([, attributes, inner]) => ({
    href: attributesOf(attributes).href ?? "",
    text: plain(inner.replace(/<[^>]*>/g, " ")).trim(),
  }));
}

function attributesOf(text) {
  const found = {};
  for (const [, name, double, single, bare] of text.matchAll(/([\w:-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    found[name.toLowerCase()] = plain(double ?? single ?? bare ?? "");
  }
  return found;
}

function plain(text) {
  const names = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, decimal, name) =>
    hex ? String.fromCodePoint(parseInt(hex, 16)) : decimal ? String.fromCodePoint(Number(decimal)) : (names[name] ?? all),
  );
}

function fetchPage({ method, url, body }) {
  return new Promise((resolve, reject) => {
    const headers = { accept: "text/html", cookie: cookiesFor(url) };
    if (!headers.cookie) delete headers.cookie;
    if (body !== undefined) {
      headers["content-type"] = "application/x-www-form-urlencoded";
      headers["content-length"] = Buffer.byteLength(body);
    }
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(url, { method, headers, ca, agent: false }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        keepCookies(url, response.headers["set-cookie"] ?? []);
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString("utf8") });
      });
    });
    request.setTimeout(REQUEST_TIMEOUT_MS, () => request.destroy(new Error(`no answer from ${url.origin}${url.pathname}`)));
    request.on("error", reject);
    request.end(body);
  });
}

// Cookies belong to a host, whatever the port (RFC 6265, 8.5).
function cookiesFor(url) {
  return jar
    .filter(({ host, path }) => host === url.hostname && (url.pathname === path || url.pathname.startsWith(path.replace(/\/?$/, "/"))))
    .map(({ name, value }) => `${name}=${value}`)
    .join("; ");
}

function keepCookies(url, lines) {
  for (const line of lines) {
    const [pair, ...rest] = line.split(";").map((part) => part.trim());
    const attributes = Object.fromEntries(rest.map((part) => [part.split("=")[0].toLowerCase(), part.slice(part.indexOf("=") + 1)]));
    const cookie = {
      host: url.hostname,
      path: attributes.path || url.pathname.replace(/\/[^/]*$/, "") || "/",
      name: pair.slice(0, pair.indexOf("=")),
      value: pair.slice(pair.indexOf("=") + 1),
    };
    jar = jar.filter((it) => it.host !== cookie.host || it.path !== cookie.path || it.name !== cookie.name);
    const gone = Number(attributes["max-age"] ?? 1) <= 0 || Date.parse(attributes.expires ?? "") <= Date.now();
    if (!gone) jar.push(cookie);
  }
}

function record(line) {
  if (logFile) appendFileSync(logFile, `${JSON.stringify(line)}\n`, { mode: 0o600 });
}
