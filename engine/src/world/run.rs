//! A whole run at once: a scenario's inputs on any node, as a trace.

use super::{Log, Machine, Until, input_text};
use crate::node::{Fault, Node};
use crate::scenario::{Input, Scenario};
use crate::trace::{Step, Trace};

/// Carries out `inputs` one after another and tells all that happened. On a fault of the node, what was done so far is
/// told with it.
pub fn run<N: Node>(scenario: &Scenario, node: N, inputs: &[Input]) -> (Trace, Result<(), Fault>) {
    let mut trace = Trace::default();
    let mut log = Log::default();
    let mut machine = match Machine::boot(scenario, node, &mut log) {
        Ok(machine) => machine,
        Err(fault) => return (trace, Err(fault)),
    };
    for input in inputs {
        match step(&mut machine, input) {
            Ok(step) => trace.steps.push(step),
            Err(fault) => return (trace, Err(fault)),
        }
    }
    (trace, Ok(()))
}

/// One input, carried out until everything rests.
pub fn step<N: Node>(machine: &mut Machine<N>, input: &Input) -> Result<Step, Fault> {
    let mut log = Log::default();
    machine.input(input, &mut log)?;
    machine.run(Until::default(), &mut log)?;
    let Log { events, calls, stdout, stderr, .. } = log;
    Ok(Step {
        input: input_text(input),
        events,
        calls,
        stdout,
        stderr,
        exit_code: machine.world.status(),
        facts: machine.facts()?,
        ended_at: machine.world.now(),
    })
}
