//! The running tasks of a worker, each with the lease that it works under.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::timeout;

/// Running tasks that each return `T` and each work under a lease `L`. Dropping this aborts the
/// tasks.
#[derive(Debug)]
pub struct Running<L, T> {
    tasks: JoinSet<T>,
    leases: HashMap<Id, L>,
}

/// A task that has ended.
#[derive(Debug)]
pub struct EndedTask<L, T> {
    /// The lease that the task worked under.
    pub lease: L,
    /// The task's result; an error if it panicked. The lease then runs out, and the work is done
    /// again.
    pub result: Result<T, JoinError>,
}

impl<L, T> Default for Running<L, T> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            leases: HashMap::new(),
        }
    }
}

impl<L, T: Send + 'static> Running<L, T> {
    /// Starts a task.
    pub fn spawn(&mut self, lease: L, task: impl Future<Output = T> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.leases.insert(handle.id(), lease);
    }

    /// Returns whether no task is left.
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Returns the leases of the tasks that are left.
    pub fn leases(&self) -> impl Iterator<Item = &L> {
        self.leases.values()
    }

    /// Waits for a task to end. Returns `None` at once if none is running. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<EndedTask<L, T>> {
        let joined = self.tasks.join_next_with_id().await?;
        Some(self.ended(joined))
    }

    /// Returns a task that has ended already, if there is one.
    pub fn try_next(&mut self) -> Option<EndedTask<L, T>> {
        let joined = self.tasks.try_join_next_with_id()?;
        Some(self.ended(joined))
    }

    /// Waits for all tasks to end and passes each to `on_end`. After `shutdown_timeout` it aborts
    /// the rest and returns how many tasks that were; their leases run out, and their work is done
    /// again.
    pub async fn drain(
        &mut self,
        shutdown_timeout: Duration,
        mut on_end: impl FnMut(EndedTask<L, T>),
    ) -> usize {
        let all_ended = async {
            while let Some(ended) = self.next().await {
                on_end(ended);
            }
        };
        if timeout(shutdown_timeout, all_ended).await.is_ok() {
            return 0;
        }
        self.abort().await
    }

    /// Aborts all tasks and returns how many these were.
    pub async fn abort(&mut self) -> usize {
        let aborted = self.tasks.len();
        self.tasks.shutdown().await;
        self.leases.clear();
        aborted
    }

    fn ended(&mut self, joined: Result<(Id, T), JoinError>) -> EndedTask<L, T> {
        let (id, result) = match joined {
            Ok((id, value)) => (id, Ok(value)),
            Err(error) => (error.id(), Err(error)),
        };
        let lease = self.leases.remove(&id).expect("every task has a lease");

        EndedTask { lease, result }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn ended_task_returns_its_lease() {
        let mut running = Running::default();
        running.spawn("first", async { 1 });

        let ended = running.next().await.expect("a task");

        assert_eq!((ended.lease, ended.result.expect("a value")), ("first", 1));
        assert!(running.next().await.is_none());
        assert!(running.leases.is_empty());
    }

    #[tokio::test]
    async fn panic_of_a_task_keeps_its_lease() {
        let mut running = Running::default();
        running.spawn("broken", async { panic!("a fault of the host") });

        let ended: EndedTask<_, ()> = running.next().await.expect("a task");

        assert_eq!(ended.lease, "broken");
        assert!(ended.result.expect_err("an error").is_panic());
    }

    #[tokio::test(start_paused = true)]
    async fn drain_aborts_tasks_after_the_timeout() {
        let mut running = Running::default();
        running.spawn("quick", async {});
        running.spawn("stuck", pending());
        let mut ended = Vec::new();

        let aborted = running
            .drain(Duration::from_secs(10), |task| ended.push(task.lease))
            .await;

        assert_eq!((aborted, ended), (1, vec!["quick"]));
    }
}
