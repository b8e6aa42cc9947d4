// Starts the page, then makes it available offline. The build puts the real name of the app's directory here.
import init from "./app/app.js";

init({ module_or_path: new URL("./app/app_bg.wasm", import.meta.url) });

// After `load`, so that the first visit is not slowed by fetching the other lessons.
if ("serviceWorker" in navigator && isSecureContext) {
  addEventListener("load", () => navigator.serviceWorker.register(new URL("sw.js", document.baseURI)).catch(() => {}));
}
