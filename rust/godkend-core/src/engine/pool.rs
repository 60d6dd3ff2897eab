//! A bounded pool of threads, each with a state of its own: a connection, or a hash arena.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::process::setpriority_process;

use super::reply::Reply;
use super::shared::Shared;
use crate::error::{Error, Reason, Result};

/// What a thread does next; its reply travels with it, so that a refused job can still answer.
struct Job<T, F> {
    reply: Reply<T>,
    run: F,
}

trait Work<S>: Send {
    fn run(self: Box<Self>, state: &mut S);
    fn refuse(self: Box<Self>, why: Error);
}

impl<S, T: Send + 'static, F: FnOnce(&mut S, Reply<T>) + Send> Work<S> for Job<T, F> {
    fn run(self: Box<Self>, state: &mut S) {
        (self.run)(state, self.reply);
    }

    fn refuse(self: Box<Self>, why: Error) {
        self.reply.send(Err(why));
    }
}

/// The way to a pool's queue.
pub(super) struct Pool<S> {
    queue: Sender<Box<dyn Work<S>>>,
    retry_ms: u64,
}

impl<S> Clone for Pool<S> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), retry_ms: self.retry_ms }
    }
}

impl<S: Send + 'static> Pool<S> {
    /// Starts one thread for each state, each as nice to the other threads as it is told (Linux counts
    /// this by thread). They end when the last `Pool` is gone and the queue is empty.
    pub(super) fn start(
        name: &str,
        shared: &Arc<Shared>,
        queue_max: u32,
        states: Vec<S>,
        nice: u8,
    ) -> Result<(Self, Vec<JoinHandle<()>>)> {
        let (queue, waiting) = bounded(queue_max as usize);
        let threads = states.into_iter().map(|state| {
            let (shared, waiting) = (Arc::clone(shared), waiting.clone());
            Builder::new()
                .name(format!("godkend-{name}"))
                .spawn(move || {
                    // Without it they run as before, only less politely.
                    let _ = setpriority_process(None, nice.into());
                    work(&shared, &waiting, state);
                })
                .map_err(|error| Error::fault(Reason::Overloaded, error))
        });
        let threads = threads.collect::<Result<_>>()?;
        Ok((Self { queue, retry_ms: shared.policy.engine.overload_retry_ms }, threads))
    }

    /// Jobs that wait for a thread.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Queues a job, which answers with `reply`. A full queue answers at once.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        run: impl FnOnce(&mut S, Reply<T>) + Send + 'static,
    ) {
        let refused = self.queue.try_send(Box::new(Job { reply, run }));
        if let Err(refused) = refused {
            let why = Error::overloaded("a pool's queue is full", self.retry_ms);
            refused.into_inner().refuse(why);
        }
    }
}

fn work<S>(shared: &Shared, waiting: &Receiver<Box<dyn Work<S>>>, mut state: S) {
    for job in waiting {
        // A job that panics drops its reply, which answers that there is a bug.
        if catch_unwind(AssertUnwindSafe(|| job.run(&mut state))).is_err() {
            shared.out_of_health();
        }
    }
}
