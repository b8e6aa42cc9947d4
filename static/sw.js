// Drydock without a network. Written by the build, which fills in the two constants.
// Every file but the documents carries a hash of its content in its name, so a cached one is never stale. Documents come
// from the network when it answers in time. A new version is fetched in the background and takes over once no
// tab shows the old one: a page never runs on files of two versions.

const VERSION = "@VERSION@";
const FILES = "@FILES@";
const PATIENCE_MS = 3000;

// Two courses may live on one origin, under different paths.
const PREFIX = `drydock ${registration.scope} `;
const CACHE = PREFIX + VERSION;

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || !request.url.startsWith(registration.scope)) return;
  if (request.url.startsWith(registration.scope + "live/")) return;
  event.respondWith(request.mode === "navigate" ? visit(request) : cached(request));
});

async function install() {
  const cache = await caches.open(CACHE);
  const isDocument = (name) => name === "./" || name.endsWith("/");
  await cache.addAll(FILES.map((name) => new Request(name, { cache: isDocument(name) ? "reload" : "default" })));
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
  }
  await clients.claim();
}

async function visit(request) {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch (error) {
    const known = await lookup(request, { ignoreSearch: true });
    if (known) return known;
    throw error;
  }
}

async function cached(request) {
  return (await lookup(request)) ?? fetch(request);
}

async function lookup(request, options) {
  return (await caches.open(CACHE)).match(request, options);
}
