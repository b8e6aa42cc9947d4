//! The zero-import wasm face of the engine.
