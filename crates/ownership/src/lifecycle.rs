// SPDX-License-Identifier: Apache-2.0

use abi::status::State;

/// What can be done to a zone, or what it does itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Write into its memory.
    Load,
    Start,
    Pause,
    Resume,
    /// Asked for, or its own power-off, reset or fault.
    Stop,
    /// Scrub, back to `Created`.
    Reset,
    Destroy,
}

/// The whole table: what follows on `operation` in `state`. The outer `None`
/// refuses; the inner `None` means that the zone is gone.
pub const fn transition(state: State, operation: Operation) -> Option<Option<State>> {
    use Operation as O;
    use State as S;
    match (state, operation) {
        (S::Created, O::Load) => Some(Some(S::Created)),
        (S::Created, O::Start) => Some(Some(S::Running)),
        (S::Running, O::Pause) => Some(Some(S::Paused)),
        (S::Paused, O::Resume) => Some(Some(S::Running)),
        (S::Running | S::Paused, O::Stop) => Some(Some(S::Stopped)),
        (S::Created | S::Stopped, O::Reset) => Some(Some(S::Created)),
        (S::Created | S::Stopped, O::Destroy) => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_changes_only_before_the_start_and_goes_only_when_parked() {
        for &state in State::ALL {
            assert_eq!(
                transition(state, Operation::Load).is_some(),
                state == State::Created
            );
            let parked = matches!(state, State::Created | State::Stopped);
            assert_eq!(
                transition(state, Operation::Destroy),
                parked.then_some(None)
            );
            assert_eq!(transition(state, Operation::Reset).is_some(), parked);
        }
    }

    #[test]
    fn every_state_leads_to_destruction() {
        for &state in State::ALL {
            let stopped = match transition(state, Operation::Stop) {
                Some(Some(next)) => next,
                _ => state,
            };
            assert_eq!(transition(stopped, Operation::Destroy), Some(None));
        }
    }
}
