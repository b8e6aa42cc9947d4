//! The run queue that grants calls: one policy, written once, for both kernels.
//!
//! Each guest announces its next call and waits at the gate; [`Scheduled`] grants one call a turn, round robin, and so
//! makes any [`Kernel`] a [`Node`] that runs the same way each time. Order is imposed here (`modelled`); answers,
//! blocking, wake-ups and deaths are the kernel's own.
//!
//! Queue order after a call: whom it woke (by pid), whom it bore (by pid), then the caller. Sleep, clock, randomness
//! and the console's prompt are answered here in virtual time, on both sides alike; calls to a control plane go upward.

use crate::call::{Ret, SCENARIO_EPOCH_S, Sys, Tid};
use crate::fact::Facts;
use crate::node::{
    BlockedOn, CallOutcome, CallRecord, Effects, Fault, JobId, Kernel, Node, NodeEvent, NodeOutput, NodeRequest,
    Outcome, Pause, Said, Watch,
};
use crate::program::Program;
use crate::sim::{Map, Nanos, Rng, SECOND, Set};
use std::collections::VecDeque;

/// A kernel and who may call it next.
#[derive(Clone, Debug)]
pub struct Scheduled<K> {
    kernel: K,
    seed: u64,
    ready: VecDeque<Tid>,
    /// Processes whose call has not been answered yet.
    waiting: Map<Tid, (Sys, WaitsFor)>,
    /// The sleepers among them, by the time they wake, then by the order in which they fell asleep.
    sleeping: Map<(Nanos, u64), Tid>,
    sleeps: u64,
    /// Parents that wait for their child's exec or exit, by child.
    vforked: Map<Tid, Tid>,
    /// Which job each living process descends from.
    jobs: Map<Tid, JobId>,
    streams: Map<Tid, Rng>,
    /// Shells that have asked a person for a line.
    shells: Set<Tid>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WaitsFor {
    Kernel(BlockedOn),
    Time,
    ControlPlane,
}

impl<K: Kernel> Scheduled<K> {
    pub fn new(kernel: K, seed: u64) -> Scheduled<K> {
        Scheduled {
            kernel,
            seed,
            ready: VecDeque::new(),
            waiting: Map::new(),
            sleeping: Map::new(),
            sleeps: 0,
            vforked: Map::new(),
            jobs: Map::new(),
            streams: Map::new(),
            shells: Set::new(),
        }
    }

    pub fn kernel(&self) -> &K {
        &self.kernel
    }

    pub fn kernel_mut(&mut self) -> &mut K {
        &mut self.kernel
    }

    /// Grants one call.
    fn turn(&mut self, tid: Tid, now: Nanos, out: &mut NodeOutput) -> Result<(), Fault> {
        let sys = self.kernel.asked(tid)?;
        match sys {
            Sys::Sleep { ns } => {
                self.sleeps += 1;
                self.sleeping.insert((now.saturating_add(ns), self.sleeps), tid);
                self.wait(tid, sys, WaitsFor::Time, out);
                Ok(())
            }
            Sys::Control(request) => {
                out.said.push(Said::Event(NodeEvent::Control { tid, request: request.clone() }));
                self.wait(tid, Sys::Control(request), WaitsFor::ControlPlane, out);
                Ok(())
            }
            Sys::Prompt { text, status } => {
                let job = self.job(tid)?;
                self.shells.insert(tid);
                out.said.push(Said::Event(NodeEvent::Prompt { job, text, status }));
                self.answer_above(tid, Sys::Prompt { text: String::new(), status }, Ret::Ok, None, out)
            }
            Sys::Clock => {
                let epoch_ns = SCENARIO_EPOCH_S.saturating_mul(SECOND as i64);
                let ret = Ret::Int(epoch_ns.saturating_add(i64::try_from(now).unwrap_or(i64::MAX)));
                self.answer_above(tid, sys, ret, Some(CallOutcome::Returned), out)
            }
            Sys::Random { len } => {
                let seed = self.seed;
                let stream = self.streams.get_or_insert_with(tid, || Rng::for_guest(seed, tid.0));
                let mut bytes = vec![0; (len as usize).min(crate::call::IO_LIMIT_BYTES)];
                stream.fill(&mut bytes);
                self.answer_above(tid, sys, Ret::Data(bytes), Some(CallOutcome::Returned), out)
            }
            sys => self.carry_out(tid, sys, out),
        }
    }

    fn carry_out(&mut self, tid: Tid, sys: Sys, out: &mut NodeOutput) -> Result<(), Fault> {
        let mut fx = Effects::default();
        let outcome = self.kernel.carry_out(tid, &sys, &mut fx)?;
        let until_exec = matches!(sys, Sys::Fork { until_exec: true, .. });
        let job = self.job(tid)?;
        for child in &fx.born {
            self.jobs.insert(*child, job);
        }
        let child = fx.born.first().copied();
        // The call itself stands in the trace before what it led to, the caller in the queue behind whom it woke.
        match outcome {
            Outcome::Returned(ret) => {
                record(out, tid, Some(sys), CallOutcome::Returned(ret));
                self.settle(fx, out);
                match child.filter(|_| until_exec) {
                    Some(child) => drop(self.vforked.insert(child, tid)),
                    None => self.ready.push_back(tid),
                }
            }
            Outcome::Blocked(on) => {
                self.wait(tid, sys, WaitsFor::Kernel(on), out);
                self.settle(fx, out);
            }
            Outcome::Became => {
                record(out, tid, Some(sys), CallOutcome::Became);
                self.settle(fx, out);
                self.release_parent(tid);
                self.shells.remove(&tid);
                self.ready.push_back(tid);
            }
            Outcome::Gone(status) => {
                record(out, tid, Some(sys), CallOutcome::Gone(status));
                self.settle(fx, out);
                self.forget(tid);
            }
        }
        Ok(())
    }

    fn wait(&mut self, tid: Tid, sys: Sys, on: WaitsFor, out: &mut NodeOutput) {
        record(out, tid, Some(sys.clone()), CallOutcome::Blocked);
        self.waiting.insert(tid, (sys, on));
    }

    /// Answers a call that went upward or into the future.
    fn answer_waiting(&mut self, tid: Tid, ret: Ret, out: &mut NodeOutput) -> Result<(), Fault> {
        match self.waiting.remove(&tid) {
            Some((sys, _)) => self.answer_above(tid, sys, ret, Some(CallOutcome::Woken), out),
            None => Ok(()),
        }
    }

    /// Gives an answer in place of the kernel, and records how it was `told`. Who is stopped gets it, and is recorded, when
    /// it is continued.
    fn answer_above(
        &mut self,
        tid: Tid,
        sys: Sys,
        ret: Ret,
        told: Option<fn(Ret) -> CallOutcome>,
        out: &mut NodeOutput,
    ) -> Result<(), Fault> {
        let mut fx = Effects::default();
        let taken = self.kernel.answer(tid, ret.clone(), &mut fx)?;
        match told {
            Some(told) if taken => record(out, tid, Some(sys), told(ret)),
            None if taken => {}
            _ => drop(self.waiting.insert(tid, (sys, WaitsFor::Kernel(BlockedOn::Other)))),
        }
        self.settle(fx, out);
        if taken && self.jobs.contains_key(&tid) {
            self.ready.push_back(tid);
        }
        Ok(())
    }

    /// Puts what a step of the kernel did in its place.
    fn settle(&mut self, fx: Effects, out: &mut NodeOutput) {
        out.said.extend(fx.events.into_iter().map(Said::Kernel));
        for (job, stream, data) in fx.output {
            out.said.push(Said::Event(NodeEvent::Output { job, stream, data }));
        }
        for (tid, status) in fx.died {
            let waited = self.waiting.remove(&tid);
            if matches!(waited, Some((_, WaitsFor::ControlPlane))) {
                out.said.push(Said::Event(NodeEvent::ClientGone { tid }));
            }
            record(out, tid, waited.map(|(sys, _)| sys), CallOutcome::Gone(status));
            self.forget(tid);
        }
        for (tid, ret) in fx.woken {
            if let Some((sys, _)) = self.waiting.remove(&tid) {
                record(out, tid, Some(sys), CallOutcome::Woken(ret));
                self.ready.push_back(tid);
            }
        }
        self.ready.extend(fx.born);
        // Before a container's end, which may be the same.
        for container in fx.out_of_memory {
            out.said.push(Said::Event(NodeEvent::OutOfMemory { container }));
        }
        for (job, status) in fx.jobs_ended {
            out.said.push(Said::Event(NodeEvent::Exited { job, status }));
        }
    }

    fn release_parent(&mut self, child: Tid) {
        if let Some(parent) = self.vforked.remove(&child) {
            self.ready.push_back(parent);
        }
    }

    /// Nothing of a process that has ended stays behind in the queues.
    fn forget(&mut self, tid: Tid) {
        self.release_parent(tid);
        self.ready.retain(|other| *other != tid);
        self.sleeping.retain(|_, other| *other != tid);
        self.vforked.retain(|_, parent| *parent != tid);
        self.waiting.remove(&tid);
        self.jobs.remove(&tid);
        self.streams.remove(&tid);
        self.shells.remove(&tid);
    }

    fn wake_sleepers(&mut self, now: Nanos, out: &mut NodeOutput) -> Result<(), Fault> {
        while let Some((&(at, order), &tid)) = self.sleeping.first_key_value() {
            if at > now {
                break;
            }
            self.sleeping.remove(&(at, order));
            self.answer_waiting(tid, Ret::Ok, out)?;
        }
        Ok(())
    }

    fn job(&self, tid: Tid) -> Result<JobId, Fault> {
        self.jobs.get(&tid).copied().ok_or_else(|| Fault::new(format!("process {} belongs to no job", tid.0)))
    }

    fn start(
        &mut self,
        job: JobId,
        at: crate::node::Place,
        process: &crate::node::ProcessSpec,
        out: &mut NodeOutput,
    ) -> Result<(), Fault> {
        let mut fx = Effects::default();
        let started = self.kernel.spawn(job, at, process, &mut fx)?;
        // The new process is the job's own; it is ready once it has announced its first call.
        fx.born.clear();
        self.settle(fx, out);
        let event = match started {
            Ok(pid) => {
                self.jobs.insert(pid, job);
                self.ready.push_back(pid);
                NodeEvent::Started { job, pid }
            }
            Err(why) => NodeEvent::StartFailed { job, why },
        };
        out.said.push(Said::Event(event));
        Ok(())
    }
}

impl<K: Kernel> Node for Scheduled<K> {
    fn request(&mut self, request: NodeRequest, out: &mut NodeOutput) -> Result<(), Fault> {
        let mut fx = Effects::default();
        let answer = match request {
            NodeRequest::AddLayer { diff_id, tar } => {
                self.kernel.add_layer(&diff_id, &tar)?;
                Some(NodeEvent::LayerAdded { diff_id })
            }
            NodeRequest::Create { container, spec } => {
                self.kernel.create(container, &spec)?;
                Some(NodeEvent::Created { container })
            }
            NodeRequest::Start { job, at, process } => {
                self.start(job, at, &process, out)?;
                None
            }
            NodeRequest::Feed { job, data } => {
                self.kernel.feed(job, data.as_deref(), &mut fx)?;
                None
            }
            NodeRequest::Signal { job, signal } => {
                self.kernel.signal(job, signal, &mut fx)?;
                None
            }
            NodeRequest::Interrupt { job } => {
                let reads =
                    |tid: &Tid| matches!(self.waiting.get(tid), Some((_, WaitsFor::Kernel(BlockedOn::Input(_)))));
                let spared: Set<Tid> = self.shells.iter().copied().filter(|tid| !reads(tid)).collect();
                self.kernel.interrupt(job, &spared, &mut fx)?;
                None
            }
            NodeRequest::Answer { tid, ret } => {
                // The client may have been killed meanwhile: then nobody listens.
                if matches!(self.waiting.get(&tid), Some((_, WaitsFor::ControlPlane))) {
                    self.answer_waiting(tid, *ret, out)?;
                }
                None
            }
            NodeRequest::Commit { container } => {
                let tar = self.kernel.commit(container)?.into();
                Some(NodeEvent::Committed { container, tar })
            }
            NodeRequest::Remove { container } => {
                self.kernel.remove(container)?;
                None
            }
        };
        self.settle(fx, out);
        out.said.extend(answer.map(Said::Event));
        Ok(())
    }

    fn run(&mut self, now: Nanos, budget: u64, out: &mut NodeOutput) -> Result<Pause, Fault> {
        self.wake_sleepers(now, out)?;
        for _ in 0..budget {
            if !out.said.is_empty() {
                return Ok(Pause::Said);
            }
            let Some(tid) = self.ready.pop_front() else {
                let next = self.sleeping.keys().next().map(|(at, _)| *at);
                let reading = self.waiting.values().filter_map(|(_, on)| match on {
                    WaitsFor::Kernel(BlockedOn::Input(job)) => Some(*job),
                    _ => None,
                });
                let reading = reading.collect();
                return Ok(Pause::Idle { next, reading });
            };
            self.turn(tid, now, out)?;
        }
        Ok(if out.said.is_empty() { Pause::Budget } else { Pause::Said })
    }

    fn facts(&mut self, watch: &Watch, out: &mut Facts) -> Result<(), Fault> {
        self.kernel.facts(watch, out)
    }
}

/// The trace keeps a fork's answer, not the program the child will run: that is the same code on both sides.
fn record(out: &mut NodeOutput, tid: Tid, sys: Option<Sys>, outcome: CallOutcome) {
    let sys = sys.map(|sys| match sys {
        Sys::Fork { until_exec, .. } => Sys::Fork { child: Box::new(Program::Exit { code: 0 }), until_exec },
        Sys::Clone { new, with, .. } => Sys::Clone { child: Box::new(Program::Exit { code: 0 }), new, with },
        sys => sys,
    });
    out.calls.push(CallRecord { tid, sys, outcome });
}
