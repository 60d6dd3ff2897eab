use super::*;
use crate::lockout::Lockout;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;
const START: Millis = 1_000_000;

fn key() -> PublicKey {
    PublicKey::dummy()
}

fn requested() -> AppCopy {
    let authenticator = Authenticator {
        id: [2; 16],
        identity_id: [1; 16],
        device_name: "old".to_owned(),
        public_key: key(),
        enrolment: crate::level::Enrolment::default(),
        biometrics_on: false,
        notifications_on: true,
        pin_record: Vec::new(),
        pin_version: 1,
        lockout: Lockout::default(),
        attempts: Vec::new(),
        blocked_at: None,
        activated_at: 0,
    };
    AppCopy::request([3; 16], &authenticator, &CopyingPolicy::default(), START)
}

fn confirmed(at: Millis) -> AppCopy {
    let Ok(ready) = requested().into_ready(at) else { panic!("not ready") };
    ready.confirm([4; 16], &CopyingPolicy::default(), at)
}

fn scanned(at: Millis) -> AppCopy {
    let confirmed = confirmed(at).into_confirmed(at).unwrap();
    confirmed.scan(key(), "new".to_owned(), [5; 32], &CopyingPolicy::default(), at)
}

fn reason<T>(result: Result<T>) -> Reason {
    match result {
        Err(Error::Denied(denial)) => denial.reason,
        _ => panic!("not denied"),
    }
}

#[test]
fn the_wait_is_an_hour_to_the_millisecond() {
    let copy = requested();
    assert_eq!(copy.state_at(START + HOUR - 1), State::Requested);
    let Err(early) = copy.clone().into_ready(START + HOUR - 1) else { panic!("early") };
    assert_eq!(early, Error::retry(Reason::CopyNotReady, 1));
    assert_eq!(copy.state_at(START + HOUR), State::Ready);
    assert!(copy.into_ready(START + HOUR).is_ok());
}

#[test]
fn the_window_after_the_wait_is_a_day() {
    let end = START + HOUR + DAY;
    assert!(requested().into_ready(end - 1).is_ok());
    assert_eq!(reason(requested().into_ready(end)), Reason::CopyExpired);
}

#[test]
fn a_code_lives_three_minutes_and_then_the_pin_gives_another() {
    let at = START + HOUR;
    let copy = confirmed(at);
    assert!(copy.clone().into_confirmed(at + 3 * MINUTE - 1).is_some());
    assert!(copy.clone().into_confirmed(at + 3 * MINUTE).is_none());
    assert_eq!(reason(copy.clone().into_ready(at + 3 * MINUTE - 1)), Reason::CopyConfirmed);
    assert!(copy.into_ready(at + 3 * MINUTE).is_ok());
}

#[test]
fn a_code_made_as_the_window_closes_may_be_scanned_and_no_other_comes_after() {
    let at = START + HOUR + DAY - 1;
    let copy = confirmed(at);
    assert_eq!(copy.state_at(at + 3 * MINUTE - 1), State::Confirmed);
    assert_eq!(copy.state_at(at + 3 * MINUTE), State::Expired);
}

#[test]
fn the_fifth_wrong_user_id_ends_the_code() {
    let at = START + HOUR;
    let mut copy = confirmed(at);
    for _ in 0..4 {
        copy = copy.into_confirmed(at).unwrap().miss();
        assert_eq!(copy.state, State::Confirmed);
    }
    copy = copy.into_confirmed(at).unwrap().miss();
    assert_eq!((copy.state, copy.code), (State::Ready, None));
}

#[test]
fn the_new_phone_has_an_hour_and_finishes_once() {
    let at = START + HOUR;
    let copy = scanned(at);
    assert_eq!(reason(copy.clone().into_scanned(at + HOUR)), Reason::CopyExpired);
    let Ok(last_moment) = copy.into_scanned(at + HOUR - 1) else { panic!("early") };
    let done = last_moment.finish([6; 16], at + HOUR - 1);
    assert_eq!(done.phone.as_ref().unwrap().finished_by, Some([6; 16]));
    assert_eq!(reason(done.into_scanned(at + HOUR - 1)), Reason::CopyDone);
}

#[test]
fn a_code_that_was_scanned_is_nobody_elses() {
    let at = START + HOUR;
    assert!(scanned(at).into_confirmed(at).is_none());
    assert_eq!(reason(scanned(at).into_ready(at)), Reason::CopyScanned);
}

#[test]
fn no_step_can_be_taken_before_its_time() {
    assert!(requested().into_confirmed(START).is_none());
    assert_eq!(reason(requested().into_scanned(START)), Reason::CopyNotFound);
    let at = START + HOUR;
    assert_eq!(reason(confirmed(at).into_scanned(at)), Reason::CopyConfirmed);
}

#[test]
fn it_can_be_stopped_at_every_step_but_not_after_the_last() {
    let at = START + HOUR;
    for mut copy in [requested(), confirmed(at), scanned(at)] {
        copy.stop(at).unwrap();
        copy.stop(at + 1).unwrap();
        assert_eq!((copy.state, copy.code, copy.ended_at), (State::Stopped, None, Some(at)));
        assert_eq!(reason(copy.clone().into_ready(at)), Reason::CopyStopped);
        assert!(copy.clone().into_confirmed(at).is_none());
        assert_eq!(reason(copy.into_scanned(at)), Reason::CopyStopped);
    }
    let Ok(last) = scanned(at).into_scanned(at) else { panic!("not scanned") };
    assert_eq!(reason(last.finish([6; 16], at).stop(at)), Reason::CopyDone);
    assert_eq!(reason(requested().stop(START + HOUR + DAY)), Reason::CopyExpired);
}

#[test]
fn time_moves_it_on_once_and_says_so() {
    let mut copy = requested();
    assert!(!copy.pass(START + HOUR - 1));
    assert!(copy.pass(START + HOUR));
    assert!(!copy.pass(START + HOUR));
    assert_eq!((copy.state, copy.due_at()), (State::Ready, Some(START + HOUR + DAY)));
    assert!(copy.pass(START + HOUR + DAY));
    assert_eq!((copy.state, copy.due_at()), (State::Expired, None));
    assert_eq!(copy.ended_at, Some(START + HOUR + DAY));
    // Whoever comes after the window finds it expired, not ready for a moment.
    let mut late = requested();
    assert!(late.pass(START + HOUR + DAY));
    assert_eq!(late.state, State::Expired);
}
