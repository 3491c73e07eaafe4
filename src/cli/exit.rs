//! What the process tells its caller.

use crate::error::Kind;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Finished, or the answer was given.
    Finished,
    /// Failed: input, output, or a bug.
    Failed,
    /// The command line or the job file is wrong; nothing was touched.
    Usage,
    /// Finished, and some records were rejected.
    FinishedWithRejects,
    /// Stopped: too many records were rejected.
    RejectLimit,
    /// Refuses to resume.
    Refused,
    /// Another run holds the lock.
    Locked,
    /// Stopped early, for want of room or since it was to come no further: the same command goes on.
    StoppedEarly,
    /// Stopped by a signal, after a complete checkpoint.
    Interrupted(Signal),
}

/// A signal that ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP
    Hangup,
    /// SIGINT
    Interrupt,
    /// SIGTERM
    Terminate,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Finished => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::FinishedWithRejects => 3,
            Exit::RejectLimit => 4,
            Exit::Refused => 5,
            Exit::Locked => 6,
            Exit::StoppedEarly => 75,
            Exit::Interrupted(signal) => signal.exit_code(),
        }
    }
}

impl Signal {
    /// The signals in the order of their numbers.
    pub const ALL: [Signal; 3] = [Signal::Hangup, Signal::Interrupt, Signal::Terminate];

    /// The number that the operating system knows it by.
    pub fn number(self) -> i32 {
        match self {
            Signal::Hangup => signal_hook::consts::SIGHUP,
            Signal::Interrupt => signal_hook::consts::SIGINT,
            Signal::Terminate => signal_hook::consts::SIGTERM,
        }
    }

    /// The signal of a number.
    pub fn from_number(number: i32) -> Option<Signal> {
        Signal::ALL.into_iter().find(|signal| signal.number() == number)
    }

    /// 128 and the number, as shells have it.
    pub fn exit_code(self) -> u8 {
        match self {
            Signal::Hangup => 129,
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }
}

impl From<Kind> for Exit {
    fn from(kind: Kind) -> Exit {
        match kind {
            Kind::Failed | Kind::Internal => Exit::Failed,
            Kind::Usage | Kind::NoInput => Exit::Usage,
            Kind::RejectLimit => Exit::RejectLimit,
            Kind::Refused => Exit::Refused,
            Kind::Locked => Exit::Locked,
            Kind::StateLimit | Kind::StoppedEarly => Exit::StoppedEarly,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_s_code_is_128_and_its_number() {
        for signal in Signal::ALL {
            assert_eq!(i32::from(signal.exit_code()), 128 + signal.number());
            assert_eq!(Signal::from_number(signal.number()), Some(signal));
        }
        assert_eq!(Signal::from_number(9), None);
    }

    #[test]
    fn every_way_to_end_has_its_own_code() {
        let kinds = [
            Kind::Failed,
            Kind::Usage,
            Kind::RejectLimit,
            Kind::Refused,
            Kind::Locked,
            Kind::StateLimit,
        ];
        let codes = kinds.map(|kind| Exit::from(kind).code());
        assert_eq!(codes, [1, 2, 4, 5, 6, 75]);
    }
}
