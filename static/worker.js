// The engine, off the page's main thread. Loads engine.wasm, which imports nothing, and hands it bytes.
//   {load: url}        → {ready: true} or {trap}      once, first
//   {id, ask: bytes}   → {id, reply: bytes} or {id, trap}
// Asks are answered in order, also those posted before the module has loaded. After a trap the memory of the module is
// not to be trusted: the page ends this worker, starts another and replays its script.

let engine;

async function load(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`engine.wasm: HTTP ${response.status}`);
  const loaded = response.headers.get("Content-Type") === "application/wasm"
    ? await WebAssembly.instantiateStreaming(response)
    : await WebAssembly.instantiate(await response.arrayBuffer()); // a static host without the type
  engine = loaded.instance.exports;
}

function ask(bytes) {
  const at = engine.alloc(bytes.length);
  new Uint8Array(engine.memory.buffer, at, bytes.length).set(bytes);
  const packed = engine.ask(at, bytes.length);
  engine.release(at, bytes.length);
  return take(packed);
}

// What the engine gives: the address in the upper 32 bits, the length in the lower.
function take(packed) {
  const [at, length] = [Number(BigInt.asUintN(32, packed >> 32n)), Number(BigInt.asUintN(32, packed))];
  const bytes = new Uint8Array(engine.memory.buffer, at, length).slice();
  engine.release(at, length);
  return bytes;
}

// Where the engine stopped, in its own words; the browser only says `unreachable`.
function reason(error) {
  try {
    const message = error instanceof WebAssembly.RuntimeError && new TextDecoder().decode(take(engine.panicked()));
    return message || String(error);
  } catch {
    return String(error);
  }
}

let queue = Promise.resolve();

onmessage = ({ data }) => {
  queue = queue.then(async () => {
    try {
      if (data.load) {
        await load(data.load);
        return postMessage({ ready: true });
      }
      const reply = ask(data.ask);
      postMessage({ id: data.id, reply }, [reply.buffer]);
    } catch (error) {
      postMessage({ id: data.id, trap: reason(error) });
    }
  });
};
