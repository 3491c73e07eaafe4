//! Where threads begin, wait for each other and end.
//!
//! Each call is the standard library's of the same name. Within [`seeded`] it is not: there the threads take turns, so that
//! a seed decides in which order everything happens, and the same seed gives the same run again, with any number of threads.
//!
//! Invariants, within [`seeded`]:
//! - only the thread that has the turn goes on; the turn is passed on in [`pass`], which the simulated disk calls before every
//!   operation, and wherever a thread waits;
//! - nobody waits with the turn: a wait is an attempt that is made again;
//! - where nobody can go on any more, all panic, and the message has the seed.
//!
//! A thread that was begun elsewhere takes part in nothing of this. It may compute beside one that has the turn and waits
//! for it, but must not use the simulated disk.

mod turns;

use std::sync::mpsc::{
    Receiver, RecvError, RecvTimeoutError, SendError, SyncSender, TryRecvError, TrySendError,
};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};
use std::time::Duration;
use turns::{Seat, here};

/// Does something in this thread and those that it begins, one at a time in an order that the seed decides. Returns when all
/// of them have ended.
pub fn seeded<T>(seed: u64, run: impl FnOnce() -> T) -> T {
    turns::first_seat(seed).occupy(run)
}

/// Lets another thread go on, where threads take turns.
pub fn pass() {
    if let Some(seat) = here() {
        seat.pass();
    }
}

/// A thread that somebody can wait for.
#[derive(Debug)]
pub struct Handle<H> {
    inner: H,
    seat: Option<Seat>,
}

/// One of a scope.
pub type Scoped<'scope, T> = Handle<ScopedJoinHandle<'scope, T>>;

/// One that may outlive whoever began it.
pub type Free = Handle<JoinHandle<()>>;

/// Ends when all threads of the scope have ended.
pub fn scope<'env, F, T>(run: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    thread::scope(|scope| {
        let _children_end_first = here().map(Seat::deeper);
        run(scope)
    })
}

/// Begins a thread of a scope.
pub fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    run: impl FnOnce() -> T + Send + 'scope,
) -> Scoped<'scope, T> {
    let seat = here().map(|parent| parent.next_seat());
    let theirs = seat.clone();
    let inner = scope.spawn(move || occupied(theirs, run));
    Handle { inner, seat }
}

/// Begins a thread that may outlive this one.
pub fn spawn_free(run: impl FnOnce() + Send + 'static) -> Free {
    let seat = here().map(|parent| parent.next_free_seat());
    let theirs = seat.clone();
    let inner = thread::spawn(move || occupied(theirs, run));
    Handle { inner, seat }
}

fn occupied<T>(seat: Option<Seat>, run: impl FnOnce() -> T) -> T {
    match seat {
        Some(seat) => seat.occupy(run),
        None => run(),
    }
}

impl<T> Scoped<'_, T> {
    /// Waits for the end of the thread.
    pub fn join(self) -> thread::Result<T> {
        wait_for_end(self.seat.as_ref());
        self.inner.join()
    }
}

impl Free {
    /// Waits for the end of the thread.
    pub fn join(self) -> thread::Result<()> {
        wait_for_end(self.seat.as_ref());
        self.inner.join()
    }
}

fn wait_for_end(seat: Option<&Seat>) {
    if let (Some(us), Some(them)) = (here(), seat) {
        us.wait(|| them.has_ended().then_some(()));
    }
}

/// The next message; waits for it.
pub fn receive<T>(messages: &Receiver<T>) -> Result<T, RecvError> {
    let Some(seat) = here() else { return messages.recv() };
    seat.wait(|| match messages.try_recv() {
        Ok(message) => Some(Ok(message)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
    })
}

/// The next message; waits for it, but no longer than a time. Where threads take turns, that is a turn of each at most.
pub fn receive_within<T>(messages: &Receiver<T>, time: Duration) -> Result<T, RecvTimeoutError> {
    let Some(seat) = here() else { return messages.recv_timeout(time) };
    seat.pass();
    messages.try_recv().map_err(|failure| match failure {
        TryRecvError::Empty => RecvTimeoutError::Timeout,
        TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
    })
}

/// Sends a message; waits until there is room for it.
pub fn send<T>(messages: &SyncSender<T>, message: T) -> Result<(), SendError<T>> {
    let Some(seat) = here() else { return messages.send(message) };
    let mut unsent = Some(message);
    let sent = seat.wait(|| match messages.try_send(unsent.take()?) {
        Ok(()) => Some(Ok(())),
        Err(TrySendError::Full(message)) => {
            unsent = Some(message);
            None
        }
        Err(TrySendError::Disconnected(message)) => Some(Err(SendError(message))),
    });
    seat.wake_all();
    sent
}

/// Locks; what a thread that panicked has left is taken as it is.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let Some(seat) = here() else {
        return mutex.lock().unwrap_or_else(PoisonError::into_inner);
    };
    seat.wait(|| try_lock(mutex))
}

fn try_lock<T: ?Sized>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Locks as soon as something no longer holds; whoever changes it notifies `moved`.
pub fn lock_when_not<'a, T>(
    mutex: &'a Mutex<T>,
    moved: &Condvar,
    mut holds: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    let Some(seat) = here() else {
        let waited = moved.wait_while(lock(mutex), holds);
        return waited.unwrap_or_else(PoisonError::into_inner);
    };
    seat.wait(|| {
        let mut guard = try_lock(mutex)?;
        (!holds(&mut guard)).then_some(guard)
    })
}

/// The same, but waits no longer than a time. Where threads take turns, time does not pass.
pub fn lock_when_not_within<'a, T>(
    mutex: &'a Mutex<T>,
    moved: &Condvar,
    time: Duration,
    holds: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    if here().is_some() {
        return lock_when_not(mutex, moved, holds);
    }
    match moved.wait_timeout_while(lock(mutex), time, holds) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::{channel, sync_channel};

    /// What threads wrote down, in the order in which they came to it.
    fn written(seed: u64, threads: usize) -> Vec<usize> {
        let log = Mutex::new(Vec::new());
        let (sender, receiver) = sync_channel(1);
        seeded(seed, || {
            scope(|scope| {
                let mut handles = Vec::new();
                for number in 0..threads {
                    let (sender, log) = (sender.clone(), &log);
                    handles.push(spawn(scope, move || {
                        for _ in 0..5 {
                            pass();
                            lock(log).push(number);
                            send(&sender, number).expect("somebody receives");
                        }
                    }));
                }
                for _ in 0..5 * threads {
                    let number = receive(&receiver).expect("somebody sends");
                    lock(&log).push(100 + number);
                }
                for handle in handles {
                    handle.join().expect("no panic");
                }
            });
        });
        log.into_inner().expect("no panic")
    }

    #[test]
    fn a_seed_decides_the_order_and_different_seeds_give_different_ones() {
        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let order = written(seed, 3);
            assert_eq!(order.len(), 30);
            assert_eq!(order, written(seed, 3), "seed {seed}");
            orders.insert(order);
        }
        assert!(orders.len() > 45, "{} orders", orders.len());
    }

    #[test]
    fn a_lock_that_is_held_while_the_turn_is_passed_is_waited_for() {
        let counted = Mutex::new(0);
        seeded(3, || {
            scope(|scope| {
                for _ in 0..4 {
                    spawn(scope, || {
                        let mut guard = lock(&counted);
                        let before = *guard;
                        pass();
                        *guard = before + 1;
                    });
                }
            });
        });
        assert_eq!(counted.into_inner().expect("no panic"), 4);
    }

    #[test]
    fn a_condition_is_waited_for_and_free_threads_end_before_the_run_does() {
        let shared = Arc::new((Mutex::new(0), Condvar::new()));
        for seed in 0..20 {
            *shared.0.lock().expect("no panic") = 0;
            seeded(seed, || {
                let theirs = Arc::clone(&shared);
                spawn_free(move || {
                    drop(lock_when_not(&theirs.0, &theirs.1, |count| *count < 1));
                    pass();
                    *lock(&theirs.0) = 2;
                });
                *lock(&shared.0) = 1;
            });
            assert_eq!(*shared.0.lock().expect("no panic"), 2, "seed {seed}");
        }
    }

    #[test]
    fn where_nobody_can_go_on_all_end_and_the_seed_is_told() {
        let (sender, receiver) = channel::<()>();
        let receiver = Mutex::new(receiver);
        let stuck = std::panic::catch_unwind(|| {
            seeded(77, || {
                scope(|scope| {
                    let never = spawn(scope, || receive(&lock(&receiver)));
                    drop(never.join());
                });
            });
        });
        drop(sender);
        let payload = stuck.expect_err("nobody sends");
        let message = payload.downcast_ref::<String>().expect("a message");
        assert!(message.contains("seed 77"), "{message}");
    }

    #[test]
    fn a_thread_that_panics_does_not_keep_the_turn() {
        seeded(5, || {
            scope(|scope| {
                let ended = spawn(scope, || {
                    pass();
                    std::panic::resume_unwind(Box::new("on purpose"));
                });
                assert!(ended.join().is_err());
            });
        });
    }
}
