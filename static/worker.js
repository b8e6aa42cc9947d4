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
  const packed = BigInt.asUintN(64, engine.ask(at, bytes.length)); // pointer << 32 | length
  engine.free(at, bytes.length);
  const [replyAt, length] = [Number(packed >> 32n), Number(packed & 0xffffffffn)];
  const reply = new Uint8Array(engine.memory.buffer, replyAt, length).slice();
  engine.free(replyAt, length);
  return reply;
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
      postMessage({ id: data.id, trap: String(error?.message ?? error) });
    }
  });
};
