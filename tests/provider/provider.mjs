// The certified OpenID provider from npm, on https://localhost, for the end-to-end suites.
//
//   node provider.mjs '{"key_file": …, "certificate_file": …, "clients": […], …}'
//
// Prints one line {"issuer": …, "port": …, "control": port} when it serves, and
// ends when its stdin is closed, so that it never outlives the test that started it.
// Any user name may log in, with any password; see `claimsOf`.

import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createControlServer } from "node:http";
import { createServer } from "node:https";
import { Provider, interactionPolicy } from "oidc-provider";

// The provider's notices belong beside its warnings: stdout carries the ready line only.
console.info = console.error;

const options = {
  port: 0,
  key_file: undefined, // PEM
  certificate_file: undefined, // PEM, for localhost
  clients: [{ client_id: "opkssh-test" }],
  client_auth_methods: ["none", "client_secret_basic", "client_secret_post"], // offered in discovery
  strict_client_auth: false, // takes a secret only in the way that its client was registered for
  id_token_signing_alg: "RS256", // RS256, PS256, ES256 or EdDSA, for every client
  id_token_ttl: 3600, // seconds
  access_token_ttl: 3600, // seconds
  refresh_token_ttl: 14 * 24 * 3600, // seconds
  rotate_refresh_tokens: true,
  always_issue_refresh_token: false, // else only where offline_access is granted
  repeat_nonce_on_refresh: true, // OpenID Connect Core 12.2 allows both
  device_flow: true, // RFC 8628
  device_code_ttl: 600, // seconds
  device_poll_interval: undefined, // seconds; else the provider names none, and the client's default counts
  nonce_in_device_flow: false, // RFC 8628 knows no nonce; the provider takes one and forgets it
  silent_for_native_clients: false, // grant prompt=none where RFC 8252, 8.6 leaves it to the provider
  ...JSON.parse(process.argv[2] ?? "{}"),
};

const server = createServer({
  key: readFileSync(options.key_file),
  cert: readFileSync(options.certificate_file),
});
server.listen(options.port, "127.0.0.1");
await once(server, "listening");
const { port } = server.address();
const issuer = `https://localhost:${port}`;
const provider = startProvider(issuer);
const control = createControlServer(testControl(provider));
control.listen(0, "127.0.0.1");
await once(control, "listening");
server.on("request", provider.callback());
console.log(JSON.stringify({ issuer, port, control: control.address().port }));

process.stdin.on("end", () => process.exit(0)).on("error", () => process.exit(0)).resume();

function startProvider(issuer) {
  const provider = new Provider(issuer, {
    clients: options.clients.map(clientMetadata),
    clientAuthMethods: options.client_auth_methods,
    jwks: { keys: signingKeys() },
    cookies: { keys: ["only for tests"] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => claimsOf(id) }),
    claims: {
      openid: ["sub"],
      email: ["email", "email_verified"],
      profile: ["name", "preferred_username", "groups"],
    },
    // OpenPubkey servers see the ID token only, so the claims must be in there.
    conformIdTokenClaims: false,
    scopes: ["openid", "offline_access"],
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      deviceFlow: { enabled: options.device_flow },
    },
    interactions: { policy: policy() },
    ttl: {
      AccessToken: options.access_token_ttl,
      IdToken: () => options.id_token_ttl, // the tests change it
      RefreshToken: options.refresh_token_ttl,
      AuthorizationCode: 60,
      DeviceCode: options.device_code_ttl,
      Grant: options.refresh_token_ttl,
      Interaction: 3600,
      Session: options.refresh_token_ttl,
    },
    rotateRefreshToken: options.rotate_refresh_tokens,
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed("refresh_token") &&
      (options.always_issue_refresh_token || source.scopes.has("offline_access")),
  });
  if (!options.repeat_nonce_on_refresh) forgetNonceInRefreshTokens(provider);
  if (options.nonce_in_device_flow) rememberNonceInDeviceFlow(provider);
  return provider;
}

function clientMetadata(client) {
  return {
    // A native application's loopback redirect matches on any port (RFC 8252, 7.3).
    application_type: "native",
    token_endpoint_auth_method: client.client_secret ? "client_secret_basic" : "none",
    redirect_uris: ["http://localhost/login-callback", "http://127.0.0.1/login-callback", "http://[::1]/login-callback"],
    grant_types: [
      "authorization_code",
      "refresh_token",
      ...(options.device_flow ? ["urn:ietf:params:oauth:grant-type:device_code"] : []),
    ],
    response_types: ["code"],
    id_token_signed_response_alg: options.id_token_signing_alg,
    ...client,
  };
}

function policy() {
  const prompts = interactionPolicy.base();
  if (options.silent_for_native_clients) prompts.get("consent").checks.remove("native_client_prompt");
  return prompts;
}

// `alg` is set because some verifiers do not take an EC key without it.
function signingKeys() {
  const rsaAlg = options.id_token_signing_alg === "PS256" ? "PS256" : "RS256";
  return [
    [generateKeyPairSync("rsa", { modulusLength: 2048 }), rsaAlg],
    [generateKeyPairSync("ec", { namedCurve: "P-256" }), "ES256"],
    [generateKeyPairSync("ed25519"), "EdDSA"],
  ].map(([pair, alg]) => ({ ...pair.privateKey.export({ format: "jwk" }), alg, use: "sig" }));
}

function claimsOf(login) {
  return {
    sub: login,
    email: login.includes("@") ? login : `${login}@example.com`,
    email_verified: true,
    name: `${login} of the tests`,
    preferred_username: login,
    groups: login === "alice" ? ["users", "admins"] : ["users"],
  };
}

// The provider copies the nonce from what a token was issued for: a refresh
// token without one gives ID tokens without one.
function forgetNonceInRefreshTokens(provider) {
  const { save } = provider.RefreshToken.prototype;
  provider.RefreshToken.prototype.save = function saveWithoutNonce(...rest) {
    this.nonce = undefined;
    return save.apply(this, rest);
  };
}

// The model has room for a nonce, which nothing fills from the request.
function rememberNonceInDeviceFlow(provider) {
  const { save } = provider.DeviceCode.prototype;
  provider.DeviceCode.prototype.save = function saveWithNonce(...rest) {
    this.nonce = this.params?.nonce;
    return save.apply(this, rest);
  };
}

// oidc-provider itself takes the secret either way.
function isPostClientWithBasic(ctx) {
  const [scheme, pair] = ctx.get("authorization").split(" ");
  if (scheme !== "Basic") return false;
  const id = decodeURIComponent(Buffer.from(pair, "base64").toString().split(":")[0]);
  return options.clients.some((it) => it.client_id === id && it.token_endpoint_auth_method === "client_secret_post");
}

// What the tests can see and do beside the protocol, on a plain-http port of its own.
//   GET  /log                                 the requests so far; never a token
//   POST /ttl?id_token=SECONDS                lifetime of ID tokens from now on
//   POST /revoke?user=NAME                    forget the user's refresh tokens
//   POST /fail?path=PATH&status=CODE&count=N  answer the next N requests for PATH so
//   POST /hold?path=PATH, /release?path=PATH  keep requests waiting until released
//   POST /hold-answer?path=PATH               keep answers waiting, once all is done; the same release
//   POST /close, /open                        refuse connections; serve again, all state kept
function testControl(provider) {
  const log = [];
  const failures = []; // {path, status}
  const held = new Map(); // path → what lets the waiting requests go on
  const answersHeld = new Set(); // of these paths, the answers wait
  const refreshTokens = new Map(); // user → tokens

  provider.on("refresh_token.saved", (token) => {
    refreshTokens.set(token.accountId, [...(refreshTokens.get(token.accountId) ?? []), token]);
  });

  // Runs around the provider's own handlers, so a request is in the log before its answer is out.
  provider.use(async (ctx, next) => {
    const entry = { method: ctx.method, path: ctx.path };
    log.push(entry);
    if (held.has(ctx.path) && !answersHeld.has(ctx.path)) await new Promise((go) => held.get(ctx.path).push(go));
    const failing = failures.findIndex(({ path }) => path === ctx.path);
    if (failing >= 0) {
      ctx.status = failures.splice(failing, 1)[0].status;
      ctx.body = "failing as the test asked";
    } else if (options.strict_client_auth && isPostClientWithBasic(ctx)) {
      ctx.status = 401;
      ctx.body = { error: "invalid_client" };
    } else {
      await next();
    }
    if (ctx.body?.device_code && options.device_poll_interval !== undefined) {
      ctx.body.interval = options.device_poll_interval;
    }
    const sent = ctx.oidc?.body ?? {};
    entry.status = ctx.status;
    entry.error = ctx.body?.error;
    entry.grant_type = sent.grant_type;
    entry.code_verifier = sent.code_verifier;
    entry.client_id = ctx.oidc?.client?.clientId ?? sent.client_id ?? ctx.query.client_id;
    if (answersHeld.has(ctx.path)) await new Promise((go) => held.get(ctx.path).push(go));
    entry.auth_style = ctx.get("authorization").startsWith("Basic ") ? "basic" : sent.client_secret ? "post" : "none";
  });

  const actions = {
    "GET /log": () => log,
    "POST /ttl": ({ id_token }) => {
      options.id_token_ttl = Number(id_token);
      return {};
    },
    "POST /revoke": async ({ user }) => {
      const tokens = refreshTokens.get(user) ?? [];
      await Promise.all(tokens.map((token) => token.destroy()));
      refreshTokens.delete(user);
      return { revoked: tokens.length };
    },
    "POST /fail": ({ path, status, count }) => {
      for (let i = 0; i < Number(count); i += 1) failures.push({ path, status: Number(status) });
      return {};
    },
    "POST /hold": ({ path }) => {
      held.set(path, []);
      return {};
    },
    "POST /hold-answer": ({ path }) => {
      held.set(path, []);
      answersHeld.add(path);
      return {};
    },
    "POST /release": ({ path }) => {
      answersHeld.delete(path);
      const waiting = held.get(path) ?? [];
      held.delete(path);
      for (const go of waiting) go();
      return { released: waiting.length };
    },
    "POST /close": async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
      return {};
    },
    "POST /open": async () => {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      return {};
    },
  };

  return async (request, response) => {
    const url = new URL(request.url, "http://localhost");
    let status = 200;
    let answer;
    try {
      answer = await actions[`${request.method} ${url.pathname}`](Object.fromEntries(url.searchParams));
    } catch (error) {
      status = 500;
      answer = { error: String(error) };
    }
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(answer));
  };
}
