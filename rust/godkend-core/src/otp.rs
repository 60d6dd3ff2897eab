//! One-time codes of code displays and audio code readers: six digits, each good once.
//!
//! Invariant: the counter or step of the code accepted last is kept, and only later ones count, so that
//! no code is accepted twice, in one batch or in ten years. A display that has run ahead, or whose clock
//! has drifted, is followed: within a narrow window at once, within a wide one only if the next try is the
//! code right after (RFC 4226, section 7.4), for one code among so many is too easily guessed. A wrong
//! code costs the same whatever the display is, and the same as for a display that there is not.
//!
//! Sources: RFC 4226 (HOTP), RFC 6238 (TOTP) with SHA-1 and SHA-256. Seeds of 16 bytes or more (RFC 4226,
//! section 4, R6).

use aws_lc_rs::hmac;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::policy::DisplayPolicy;

/// How many digits a code has.
pub const CODE_DIGITS: usize = 6;
/// The fewest bytes of a seed.
pub const SEED_BYTES_MIN: usize = 16;
/// The most bytes of a seed: a block of the hash functions.
pub const SEED_BYTES_MAX: usize = 64;
/// The longest step of a clock that displays have, in seconds.
pub const PERIOD_S_MAX: u32 = 300;

/// The hash function of a display. The numbers are those of `OtpAlgorithm` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Algorithm {
    /// HMAC-SHA-1.
    Sha1 = 1,
    /// HMAC-SHA-256.
    Sha256 = 2,
}

impl Algorithm {
    /// Reads a number of the proto enum; 0 is SHA-1.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `algorithm`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            0 | 1 => Ok(Self::Sha1),
            2 => Ok(Self::Sha256),
            _ => Err(Error::invalid("algorithm", "must be SHA1 or SHA256")),
        }
    }

    /// The one that it is not.
    const fn other(self) -> Self {
        match self {
            Self::Sha1 => Self::Sha256,
            Self::Sha256 => Self::Sha1,
        }
    }

    fn key(self, seed: &Seed) -> hmac::Key {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
        };
        hmac::Key::new(algorithm, &seed.0)
    }
}

/// What a display counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// Its codes (RFC 4226).
    Counter,
    /// Steps of its clock (RFC 6238), so many seconds each.
    Time {
        /// 1 to [`PERIOD_S_MAX`].
        period_s: u32,
    },
}

impl Factor {
    /// Reads a period in seconds; 0 is a counter.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `period_s`.
    pub fn parse(period_s: u32) -> Result<Self> {
        match period_s {
            0 => Ok(Self::Counter),
            1..=PERIOD_S_MAX => Ok(Self::Time { period_s }),
            _ => Err(Error::invalid("period_s", format!("must be 0 to {PERIOD_S_MAX}"))),
        }
    }

    /// The period in seconds; 0 is a counter.
    #[must_use]
    pub const fn period_s(self) -> u32 {
        match self {
            Self::Counter => 0,
            Self::Time { period_s } => period_s,
        }
    }
}

/// What a display makes its codes with. No `Debug`: whoever holds it makes them too.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Seed(Vec<u8>);

impl Seed {
    /// Takes the bytes of a seed.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `seed`.
    pub fn new(bytes: Vec<u8>) -> Result<Self> {
        let seed = Self(bytes);
        if (SEED_BYTES_MIN..=SEED_BYTES_MAX).contains(&seed.0.len()) {
            Ok(seed)
        } else {
            Err(Error::invalid("seed", "must be 16 to 64 bytes"))
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Six digits that somebody typed. No `Debug`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Code(u32);

impl Code {
    /// Reads a code as it was typed; spaces do not matter. The caller wipes its own copy.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `one_time_code`.
    pub fn parse(typed: &str) -> Result<Self> {
        let invalid = || Error::invalid("one_time_code", "must be 6 digits");
        let (mut code, mut digits) = (Self(0), 0);
        for byte in typed.bytes().filter(|&byte| byte != b' ') {
            if !byte.is_ascii_digit() || digits == CODE_DIGITS {
                return Err(invalid());
            }
            code.0 = code.0 * 10 + u32::from(byte - b'0');
            digits += 1;
        }
        if digits == CODE_DIGITS { Ok(code) } else { Err(invalid()) }
    }

    /// Whether it is this one, in the same time whatever the answer.
    #[must_use]
    pub(crate) fn is(&self, value: u32) -> bool {
        bool::from(self.0.ct_eq(&value))
    }
}

/// How far a display has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The first counter or step whose code may still be accepted.
    pub next: u64,
    /// How many steps its clock is ahead of ours; 0 for a counter.
    pub drift: i64,
    /// What must come next, if the last try was a code of the wide window.
    pub resync: Option<u64>,
}

/// What a display shows codes by.
pub struct Generator<'a> {
    /// Its hash function.
    pub algorithm: Algorithm,
    /// What it counts.
    pub factor: Factor,
    /// Its secret.
    pub seed: &'a Seed,
}

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It is the code; the display has come so far.
    Right(Progress),
    /// It is not. What is remembered of it is to be kept.
    Wrong(Progress),
}

impl Generator<'_> {
    /// Compares a try with the codes that the display may show.
    #[must_use]
    pub fn look(
        &self,
        progress: &Progress,
        tried: &Code,
        policy: &DisplayPolicy,
        now: Millis,
    ) -> Tried {
        let key = self.algorithm.key(self.seed);
        let (narrow, wide) = self.windows(progress, policy, now);
        if let Some(at) = find(&key, narrow, progress.next, tried) {
            return Tried::Right(self.accepted(at, now));
        }
        if let Some(at) = progress.resync
            && find(&key, (at, at + 1), progress.next, tried).is_some()
        {
            return Tried::Right(self.accepted(at, now));
        }
        let found = find(&key, wide, progress.next, tried);
        // With the other function as well, so that the time does not tell which displays are which.
        std::hint::black_box(find(&self.algorithm.other().key(self.seed), wide, 0, tried));
        Tried::Wrong(Progress { resync: found.map(|at| at + 1), ..*progress })
    }

    /// The windows, each from its first to before its last: what is accepted at once, and what only two
    /// in a row show. The wide one has as many codes for every display.
    fn windows(
        &self,
        progress: &Progress,
        policy: &DisplayPolicy,
        now: Millis,
    ) -> ((u64, u64), (u64, u64)) {
        let resync = u64::from(policy.resync_window);
        match self.factor {
            Factor::Counter => {
                let next = progress.next;
                let last = next.saturating_add(u64::from(policy.counter_window));
                ((next, last), (next, next.saturating_add(resync)))
            }
            Factor::Time { period_s } => {
                let step = step_at(now, period_s).saturating_add_signed(progress.drift);
                let off = u64::from(policy.step_window);
                let first = step.saturating_sub(resync / 2);
                (
                    (step.saturating_sub(off), step.saturating_add(off + 1)),
                    (first, first.saturating_add(resync)),
                )
            }
        }
    }

    /// Where a display stands whose code of this counter or step was accepted.
    fn accepted(&self, at: u64, now: Millis) -> Progress {
        let drift = match self.factor {
            Factor::Counter => 0,
            Factor::Time { period_s } => {
                i64::try_from(i128::from(at) - i128::from(step_at(now, period_s))).unwrap_or(0)
            }
        };
        Progress { next: at.saturating_add(1), drift, resync: None }
    }
}

/// The step of a clock that counts from 1970 (RFC 6238, section 4.2).
fn step_at(now: Millis, period_s: u32) -> u64 {
    u64::try_from(now).unwrap_or(0) / (u64::from(period_s.max(1)) * 1_000)
}

/// Where in the window the code is, not before `next`. Looks at all of it, whatever it finds.
fn find(key: &hmac::Key, (first, last): (u64, u64), next: u64, tried: &Code) -> Option<u64> {
    let (mut found, mut at) = (Choice::from(0), 0);
    for counter in first..last {
        let equal = (truncated(key, counter) % 1_000_000).ct_eq(&tried.0);
        let counts = equal & Choice::from(u8::from(counter >= next));
        at = u64::conditional_select(&at, &counter, counts & !found);
        found |= counts;
    }
    bool::from(found).then_some(at)
}

/// The 31 bits that a code is taken from (RFC 4226, section 5.3).
fn truncated(key: &hmac::Key, counter: u64) -> u32 {
    let tag = hmac::sign(key, &counter.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().map_or(0, |byte| byte & 0xf));
    let taken = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    u32::from_be_bytes(taken.copied().unwrap_or_default()) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::vectors;

    const STEP_MS: Millis = 30_000;
    const NOW: Millis = 1_800_000_000_000;
    const TIME: Factor = Factor::Time { period_s: 30 };

    fn seed() -> Seed {
        Seed::new(b"12345678901234567890".to_vec()).unwrap()
    }

    fn code_of(algorithm: Algorithm, counter: u64) -> Code {
        Code(truncated(&algorithm.key(&seed()), counter) % 1_000_000)
    }

    fn code(counter: u64) -> Code {
        code_of(Algorithm::Sha1, counter)
    }

    fn look(factor: Factor, progress: &Progress, tried: &Code, now: Millis) -> Tried {
        let generator = Generator { algorithm: Algorithm::Sha1, factor, seed: &seed() };
        generator.look(progress, tried, &DisplayPolicy::default(), now)
    }

    fn right(tried: Tried) -> Option<Progress> {
        match tried {
            Tried::Right(progress) => Some(progress),
            Tried::Wrong(_) => None,
        }
    }

    fn algorithm(value: &Value) -> Algorithm {
        if value == "SHA-1" { Algorithm::Sha1 } else { Algorithm::Sha256 }
    }

    #[test]
    fn the_vectors_of_both_rfcs() {
        let file = vectors::read("otp/rfc.json");
        let key = |row: &Value, algorithm: Algorithm| {
            algorithm.key(&Seed::new(vectors::hex(&row["key"])).unwrap())
        };
        let hotp = key(&file["hotp"], Algorithm::Sha1);
        for row in file["hotp"]["codes"].as_array().unwrap() {
            let value = truncated(&hotp, row["counter"].as_u64().unwrap());
            assert_eq!(Some(u64::from(value)), row["truncated"].as_u64());
            let typed = Code::parse(row["code"].as_str().unwrap()).unwrap();
            assert_eq!(value % 1_000_000, typed.0);
        }
        let rows = file["totp"]["codes"].as_array().unwrap();
        for row in rows {
            let seconds = row["time_s"].as_i64().unwrap();
            assert_eq!(Some(step_at(seconds * 1_000, 30)), row["step"].as_u64());
            let value =
                truncated(&key(row, algorithm(&row["algorithm"])), row["step"].as_u64().unwrap());
            assert_eq!(format!("{:08}", value % 100_000_000), row["code"].as_str().unwrap());
        }
        assert_eq!(rows.len(), 12);
    }

    #[test]
    fn each_code_counts_once_and_none_before_it_does() {
        let mut progress = Progress { next: 4, ..Progress::default() };
        assert!(right(look(Factor::Counter, &progress, &code(3), NOW)).is_none());
        progress = right(look(Factor::Counter, &progress, &code(6), NOW)).unwrap();
        assert_eq!(progress.next, 7);
        for spent in [4, 5, 6] {
            assert!(right(look(Factor::Counter, &progress, &code(spent), NOW)).is_none());
        }
        let step = step_at(NOW, 30);
        let progress = right(look(TIME, &Progress::default(), &code(step), NOW)).unwrap();
        assert_eq!(progress, Progress { next: step + 1, drift: 0, resync: None });
        for spent in [step - 1, step] {
            assert!(right(look(TIME, &progress, &code(spent), NOW)).is_none());
        }
    }

    #[test]
    fn the_narrow_windows_at_their_edges() {
        let policy = DisplayPolicy::default();
        let (ahead, off) = (u64::from(policy.counter_window), u64::from(policy.step_window));
        let fresh = Progress::default();
        assert!(right(look(Factor::Counter, &fresh, &code(ahead - 1), NOW)).is_some());
        assert!(right(look(Factor::Counter, &fresh, &code(ahead), NOW)).is_none());
        let step = step_at(NOW, 30);
        for (at, accepted) in [
            (step - off - 1, false),
            (step - off, true),
            (step + off, true),
            (step + off + 1, false),
        ] {
            assert_eq!(right(look(TIME, &fresh, &code(at), NOW)).is_some(), accepted, "{at}");
        }
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let mut progress = Progress::default();
        for day in 1..=20 {
            let now = NOW + day * 86_400_000;
            let shows = step_at(now, 30) + day.unsigned_abs();
            progress = right(look(TIME, &progress, &code(shows), now)).unwrap();
            assert_eq!(progress.drift, day);
        }
        // Two steps at once is more than the narrow window has.
        let now = NOW + 21 * 86_400_000;
        assert!(right(look(TIME, &progress, &code(step_at(now, 30) + 22), now)).is_none());
    }

    #[test]
    fn two_in_a_row_in_the_wide_window_follow_and_one_does_not() {
        let wide = u64::from(DisplayPolicy::default().resync_window);
        let lost = wide - 1;
        let Tried::Wrong(once) = look(Factor::Counter, &Progress::default(), &code(lost), NOW)
        else {
            panic!("one code of the wide window is not enough")
        };
        assert_eq!(once.resync, Some(wide));
        // Not the same again, and not one further on: the one right after.
        for other in [lost, lost + 2] {
            assert!(right(look(Factor::Counter, &once, &code(other), NOW)).is_none());
        }
        let twice = right(look(Factor::Counter, &once, &code(lost + 1), NOW)).unwrap();
        assert_eq!(twice, Progress { next: lost + 2, drift: 0, resync: None });
        // Beyond the wide window nothing is remembered; a wrong code between the two forgets.
        for nothing in [code(wide), code(5_000)] {
            let tried = look(Factor::Counter, &once, &nothing, NOW);
            let Tried::Wrong(forgotten) = tried else { continue };
            assert_ne!(forgotten.resync, Some(wide));
        }
    }

    #[test]
    fn a_clock_that_is_far_off_is_found_again() {
        let step = step_at(NOW, 30);
        let half = u64::from(DisplayPolicy::default().resync_window) / 2;
        for (shows, found) in [
            (step - half - 1, false),
            (step - half, true),
            (step + half - 1, true),
            (step + half, false),
        ] {
            let Tried::Wrong(once) = look(TIME, &Progress::default(), &code(shows), NOW) else {
                panic!("accepted at once")
            };
            assert_eq!(once.resync.is_some(), found, "{shows}");
            let twice = right(look(TIME, &once, &code(shows + 1), NOW + STEP_MS));
            assert_eq!(twice.map(|it| it.next), found.then_some(shows + 2));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for typed in ["", "12345", "1234567", "12345a", "+12345", "１２３４５６", "123-456"] {
            assert!(Code::parse(typed).is_err(), "{typed}");
        }
        assert_eq!(Code::parse("012 345").unwrap().0, 12_345);
    }

    #[test]
    fn seeds_and_periods_at_their_edges() {
        for (bytes, fine) in [(15, false), (16, true), (64, true), (65, false)] {
            assert_eq!(Seed::new(vec![1; bytes]).is_ok(), fine, "{bytes}");
        }
        for (period_s, fine) in [(0, true), (1, true), (300, true), (301, false)] {
            assert_eq!(Factor::parse(period_s).is_ok(), fine, "{period_s}");
        }
    }

    proptest! {
        /// Whatever is typed whenever: what is accepted only ever rises.
        #[test]
        fn nothing_is_accepted_twice(tries in prop::collection::vec((0u64..130, 0i64..200), 1..60)) {
            for factor in [Factor::Counter, TIME] {
                let (mut progress, mut now) = (Progress::default(), NOW);
                let mut accepted = std::collections::BTreeSet::new();
                for &(ahead, wait_s) in &tries {
                    now += wait_s * 1_000;
                    let base = match factor {
                        Factor::Counter => progress.next,
                        Factor::Time { .. } => step_at(now, 30) - 60,
                    };
                    match look(factor, &progress, &code(base + ahead), now) {
                        Tried::Right(after) => {
                            prop_assert!(accepted.insert(after.next));
                            prop_assert!(after.next > progress.next);
                            progress = after;
                        }
                        Tried::Wrong(after) => {
                            prop_assert_eq!((after.next, after.drift), (progress.next, progress.drift));
                            progress = after;
                        }
                    }
                }
            }
        }
    }
}
