//! I2: the same scenario gives the same trace natively and in `engine.wasm`, digest for digest, after every input, and
//! again when time was moved back and forth.

use drydock_tests::{engine_wasm, lessons, skipped};
use engine::scenario::Input;
use engine::session::{Ask, BranchId, Reply, State};
use lessons::Lesson;
use wasmtime::{Engine, Instance, Memory, Module, Store, TypedFunc};

/// A host of `engine.wasm`, as the page's worker is one.
struct Wasm {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    release: TypedFunc<(u32, u32), ()>,
    ask: TypedFunc<(u32, u32), u64>,
}

impl Wasm {
    fn start(engine: &Engine, module: &Module) -> Wasm {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[]).expect("it imports nothing");
        let memory = instance.get_memory(&mut store, "memory").expect("it exports its memory");
        let alloc = instance.get_typed_func(&mut store, "alloc").expect("alloc");
        let release = instance.get_typed_func(&mut store, "release").expect("release");
        let ask = instance.get_typed_func(&mut store, "ask").expect("ask");
        Wasm { store, memory, alloc, release, ask }
    }

    fn ask(&mut self, ask: &Ask) -> Reply {
        let request = postcard::to_allocvec(ask).expect("an ask can be encoded");
        let len = u32::try_from(request.len()).expect("requests are small");
        let ptr = self.alloc.call(&mut self.store, len).expect("alloc");
        self.memory.write(&mut self.store, ptr as usize, &request).expect("room for the request");
        let given = self.ask.call(&mut self.store, (ptr, len)).expect("the engine does not trap");
        self.release.call(&mut self.store, (ptr, len)).expect("release");
        let (at, len) = ((given >> 32) as u32, given as u32);
        let mut reply = vec![0; len as usize];
        self.memory.read(&self.store, at as usize, &mut reply).expect("the reply is in memory");
        self.release.call(&mut self.store, (at, len)).expect("release");
        postcard::from_bytes(&reply).expect("a reply can be decoded")
    }
}

fn native(ask: &Ask) -> Reply {
    engine_abi::answer(&postcard::to_allocvec(ask).expect("an ask can be encoded"))
}

fn open(lesson: &Lesson) -> Ask {
    let (_, opening) = lesson.split();
    Ask::Open { opening: postcard::to_allocvec(&opening).expect("an opening can be encoded"), era: None }
}

fn inputs(lesson: &Lesson) -> Vec<Input> {
    lesson.steps.iter().flat_map(|step| step.run.iter().cloned()).collect()
}

fn state(reply: Reply) -> State {
    match reply {
        Reply::State(state) => *state,
        other => panic!("expected a state: {other:?}"),
    }
}

/// One test, because the native face of the engine is one session, as it is in the page.
#[test]
fn every_lesson_has_the_same_trace_natively_and_in_wasm_in_both_directions_of_time() {
    let Some(bytes) = engine_wasm() else {
        skipped!("the target wasm32-unknown-unknown is missing: rustup target add wasm32-unknown-unknown");
    };
    let engine = Engine::default();
    let module = Module::new(&engine, bytes).expect("engine.wasm is a module");
    assert_eq!(module.imports().count(), 0, "engine.wasm imports nothing (I1)");
    for lesson in lessons() {
        let mut wasm = Wasm::start(&engine, &module);
        assert_eq!(native(&open(&lesson)), wasm.ask(&open(&lesson)), "{}: opening", lesson.id);
        let mut last = None;
        for input in inputs(&lesson) {
            let ask = Ask::Input(input);
            let (here, there) = (state(native(&ask)), state(wasm.ask(&ask)));
            assert_eq!(here.digest, there.digest, "{}: {ask:?}", lesson.id);
            assert_eq!(here, there, "{}: {ask:?}", lesson.id);
            last = Some(here);
        }
        let last = last.expect("a lesson has inputs");
        for events in [last.position / 2, 0, last.position / 3 * 2, last.position] {
            let ask = Ask::Seek { branch: BranchId(0), events };
            assert_eq!(native(&ask), wasm.ask(&ask), "{}: at event {events}", lesson.id);
        }
        let back = state(wasm.ask(&Ask::Seek { branch: BranchId(0), events: u32::MAX }));
        assert_eq!(back.digest, last.digest, "{}: time moved, and came back another", lesson.id);
        assert_eq!(back.facts, last.facts, "{}: time moved, and came back another", lesson.id);
    }
}
