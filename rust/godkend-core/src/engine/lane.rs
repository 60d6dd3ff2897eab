//! A lane: one thread, one connection, one bounded queue of commands.
//!
//! The unit of work is a batch. The lane takes everything that waits, without ever waiting for more, runs
//! each command's step in order within one transaction, commits, and only then releases the outcomes.
//! One sync to the disk carries hundreds of commands, and no answer leaves before its commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};

use super::command::{PassCopies, Sweep, Swept};
use super::log_writer::LogWriter;
use super::reply::{Deadline, Reply};
use super::shared::Shared;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::policy::Policy;
use crate::random::{Random, SystemRandom};
use crate::store::{Connection, Effects, Tx};

/// What a step decides with, besides its rows.
pub struct Moment<'a> {
    /// When it is.
    pub now: Millis,
    /// The numbers.
    pub policy: &'a Policy,
    /// The keys.
    pub keys: &'a Keys,
    /// Where fresh bytes come from.
    pub random: &'a mut dyn Random,
}

/// A change of state, decided in one transaction.
///
/// A denial keeps what the step wrote before it, so a step checks first and writes what must stay. A
/// fault undoes it.
pub trait Command: Send + 'static {
    /// What it gives once it is committed.
    type Outcome: Send + 'static;
    /// Whether its commit must survive a power loss.
    const DURABLE: bool;
    /// Reads rows, decides, writes rows.
    ///
    /// # Errors
    /// A denial, or a fault of the store.
    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Self::Outcome>;
}

struct Job<C: Command> {
    command: C,
    deadline: Deadline,
    reply: Reply<C::Outcome>,
    outcome: Option<Result<C::Outcome>>,
}

impl<C: Command> Job<C> {
    fn boxed(command: C, deadline: Deadline, reply: Reply<C::Outcome>) -> Box<dyn Work> {
        Box::new(Self { command, deadline, reply, outcome: None })
    }
}

/// A job of any command.
trait Work: Send {
    fn durable(&self) -> bool;
    /// Whether an outcome is settled already, such as that the deadline has passed.
    fn is_settled(&self) -> bool;
    fn settle_if_late(&mut self);
    /// Runs the step and keeps a value or a denial; gives back a fault.
    fn step(&mut self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()>;
    fn fail(&mut self, fault: Error);
    fn release(self: Box<Self>);
}

impl<C: Command> Work for Job<C> {
    fn durable(&self) -> bool {
        C::DURABLE
    }

    fn is_settled(&self) -> bool {
        matches!(self.outcome, Some(Err(Error::Fault { .. })))
    }

    fn settle_if_late(&mut self) {
        if let Err(late) = self.deadline.check() {
            self.fail(late);
        }
    }

    fn step(&mut self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        match self.command.step(tx, at) {
            Err(fault @ Error::Fault { .. }) => Err(fault),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn fail(&mut self, fault: Error) {
        self.outcome = Some(Err(fault));
    }

    fn release(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            self.reply.send(outcome);
        }
    }
}

/// The way to a lane's queue.
#[derive(Clone)]
pub(super) struct Lane {
    queue: Sender<Box<dyn Work>>,
    retry_ms: u64,
}

impl Lane {
    /// Starts the lane's thread. It ends when the last `Lane` is gone and its queue is empty.
    pub(super) fn start(
        shared: &Arc<Shared>,
        connection: Box<dyn Connection>,
        log: LogWriter,
    ) -> Result<(Self, JoinHandle<()>)> {
        let policy = &shared.policy.engine;
        let (queue, waiting) = bounded(policy.lane_queue_max as usize);
        let runner = Runner {
            shared: Arc::clone(shared),
            connection,
            log,
            random: SystemRandom::new(),
            batch_max: policy.batch_max as usize,
            sweep_interval: Duration::from_millis(policy.sweep_interval_ms),
            sweep: Swept::default(),
            swept_at: Instant::now(),
        };
        let thread = Builder::new()
            .name("godkend-lane".to_owned())
            .spawn(move || runner.run(&waiting))
            .map_err(|error| Error::fault(Reason::Overloaded, error))?;
        Ok((Self { queue, retry_ms: policy.overload_retry_ms }, thread))
    }

    /// Queues a command; `reply` is called after its commit. A full queue answers at once.
    pub(super) fn submit<C: Command>(
        &self,
        command: C,
        deadline: Deadline,
        reply: Reply<C::Outcome>,
    ) {
        if let Err(refused) = self.queue.try_send(Job::boxed(command, deadline, reply)) {
            let why = match refused {
                TrySendError::Full(_) => {
                    Error::overloaded("the lane's queue is full", self.retry_ms)
                }
                TrySendError::Disconnected(_) => gone(),
            };
            let mut job = refused.into_inner();
            job.fail(why);
            job.release();
        }
    }

    /// Queues a command and waits for its commit.
    pub(super) fn run<C: Command>(&self, command: C, deadline: Deadline) -> Result<C::Outcome> {
        let (reply, outcome) = Reply::channel();
        self.submit(command, deadline, reply);
        outcome.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Queues what settles a charged attempt, waiting for room if need be, and waits for its commit: a
    /// right PIN must not cost a strike because the queue is full. Hashers are few, and so bound this.
    pub(super) fn settle<C: Command>(&self, command: C) -> Result<C::Outcome> {
        let (reply, outcome) = Reply::channel();
        let job = Job::boxed(command, Deadline::NONE, reply);
        self.queue.send(job).map_err(|_| gone())?;
        outcome.recv().unwrap_or_else(|_| Err(gone()))
    }
}

fn gone() -> Error {
    Error::fault(Reason::Internal, "the lane is gone")
}

struct Runner {
    shared: Arc<Shared>,
    connection: Box<dyn Connection>,
    log: LogWriter,
    random: SystemRandom,
    batch_max: usize,
    sweep_interval: Duration,
    /// What the last sweep left to do; then the next follows the next batch.
    sweep: Swept,
    swept_at: Instant,
}

impl Runner {
    fn run(mut self, waiting: &Receiver<Box<dyn Work>>) {
        loop {
            match waiting.recv_timeout(self.sweep_interval) {
                Ok(first) => {
                    let rest = waiting.try_iter().take(self.batch_max.saturating_sub(1));
                    self.carry(std::iter::once(first).chain(rest).collect());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.sweep.more || self.swept_at.elapsed() >= self.sweep_interval {
                self.sweep();
            }
        }
    }

    /// Sweeps in a transaction of its own: if it fails, nobody's call fails with it.
    fn sweep(&mut self) {
        let (reply, outcome) = Reply::channel();
        let command = Sweep { budgets_after: self.sweep.budgets_after };
        self.carry(vec![Job::boxed(command, Deadline::NONE, reply)]);
        // After a fault the next interval begins anew.
        self.sweep = outcome.try_recv().ok().and_then(Result::ok).unwrap_or_default();
        self.sweep.more |= self.pass_copies();
        self.swept_at = Instant::now();
    }

    /// Brings copies to where waiting has brought them; whether there are more. Its events are kept as
    /// durably as those of calls, and where nothing is due there is nothing to sync.
    fn pass_copies(&mut self) -> bool {
        let (reply, outcome) = Reply::channel();
        self.carry(vec![Job::boxed(PassCopies, Deadline::NONE, reply)]);
        outcome.try_recv().ok().and_then(Result::ok).unwrap_or_default()
    }

    /// Commits a batch and releases its outcomes.
    fn carry(&mut self, mut batch: Vec<Box<dyn Work>>) {
        let committed = catch_unwind(AssertUnwindSafe(|| self.commit(&mut batch)));
        let committed = committed.unwrap_or_else(|_| {
            self.shared.out_of_health();
            Err(Error::fault(Reason::Internal, "a panic in a lane"))
        });
        match committed {
            Ok(effects) => self.shared.publish(&effects),
            Err(fault) => batch.iter_mut().for_each(|job| job.fail(fault.clone())),
        }
        let stats = &self.shared.stats;
        stats.batches.fetch_add(1, Ordering::Relaxed);
        stats.commands.fetch_add(batch.len() as u64, Ordering::Relaxed);
        batch.into_iter().for_each(Work::release);
        if self.connection.is_log_long() {
            self.log.write_back();
        }
    }

    /// Runs the steps in one transaction. A command that meets a fault is taken out and the others run
    /// again without it: one damaged row must not fail its neighbours.
    fn commit(&mut self, batch: &mut [Box<dyn Work>]) -> Result<Effects> {
        let durable = batch.iter().any(|job| job.durable());
        let Self { shared, connection, random, .. } = self;
        let mut at = Moment {
            now: shared.clock.now_ms(),
            policy: &shared.policy,
            keys: &shared.keys,
            random,
        };
        loop {
            if batch.iter().all(|job| job.is_settled()) {
                return Ok(Effects::default());
            }
            let mut broken = None;
            let written = connection.write(durable, &mut |tx| {
                // Once the write lock is held: another process may have kept it for a while.
                at.now = shared.clock.now_ms();
                for (index, job) in batch.iter_mut().enumerate() {
                    job.settle_if_late();
                    if !job.is_settled() {
                        job.step(tx, &mut at).inspect_err(|_| broken = Some(index))?;
                    }
                }
                Ok(())
            });
            match (written, broken.and_then(|index| batch.get_mut(index))) {
                (Err(fault), Some(job)) => job.fail(fault),
                (written, _) => return written,
            }
        }
    }
}
