//! How often something may happen: the generic cell rate algorithm, a leaky bucket in one number.
//!
//! The state is the *theoretical arrival time*: when the next request would arrive if all kept
//! exactly to the rate. A request is allowed if it comes at most `burst` intervals before that.
//! A refusal changes nothing and says when to come back; coming back then is allowed, one
//! microsecond earlier is not. Source: ITU-T I.371, section 5.4.1.1.1 (virtual scheduling).

use std::collections::HashMap;

/// A rate: `burst` at once, then one per interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// The steady distance of two requests, in microseconds.
    pub interval_us: u64,
    /// How many may come at once after a pause.
    pub burst: u32,
}

impl Quota {
    fn interval(self) -> i64 {
        i64::try_from(self.interval_us).unwrap_or(i64::MAX)
    }

    /// How far ahead of now the theoretical arrival time may lie.
    fn tolerance(self) -> i64 {
        self.interval().saturating_mul(i64::from(self.burst))
    }
}

/// Decides one request. `arrival_us` is the stored state, 0 if there is none.
///
/// # Errors
/// The microseconds to wait, at least 1.
pub fn decide(arrival_us: i64, now_us: i64, quota: Quota) -> Result<i64, u64> {
    // A grant never leaves an arrival further ahead than this. One that is was granted before the clock
    // was set back, and must not shut anybody out until the clock has caught up: one request goes
    // through and leaves the throttle as busy as it can be.
    let busiest = now_us.saturating_add(quota.tolerance());
    if arrival_us > busiest {
        return Ok(busiest);
    }
    let next = arrival_us.max(now_us).saturating_add(quota.interval());
    let early = next.saturating_sub(now_us).saturating_sub(quota.tolerance());
    match u64::try_from(early) {
        Ok(wait_us @ 1..) => Err(wait_us),
        _ => Ok(next),
    }
}

/// A throttle in memory over many keys, bounded in number.
#[derive(Debug)]
pub struct Throttle {
    quota: Quota,
    keys_max: usize,
    arrivals_us: HashMap<Box<[u8]>, i64>,
}

impl Throttle {
    /// A throttle that remembers at most `keys_max` keys.
    #[must_use]
    pub fn new(quota: Quota, keys_max: usize) -> Self {
        Self { quota, keys_max, arrivals_us: HashMap::new() }
    }

    /// Decides one request of `key` and counts it if allowed.
    ///
    /// # Errors
    /// The microseconds to wait. A new key is refused while every key remembered is busy: under a
    /// flood of keys the bound holds and nobody gets through unmetered.
    pub fn check(&mut self, key: &[u8], now_us: i64) -> Result<(), u64> {
        if let Some(arrival) = self.arrivals_us.get_mut(key) {
            *arrival = decide(*arrival, now_us, self.quota)?;
            return Ok(());
        }
        if self.arrivals_us.len() >= self.keys_max {
            self.arrivals_us.retain(|_, arrival| *arrival > now_us);
            if self.arrivals_us.len() >= self.keys_max {
                return Err(self.quota.interval_us.max(1));
            }
        }
        let arrival = decide(0, now_us, self.quota)?;
        self.arrivals_us.insert(key.into(), arrival);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_promised_wait_is_exact(
            interval_us in 1u64..1_000_000, burst in 1u32..50,
            gaps in prop::collection::vec(0i64..500_000, 1..200),
        ) {
            let quota = Quota { interval_us, burst };
            let (mut arrival, mut now) = (0, 1_000_000);
            for gap in gaps {
                now += gap;
                match decide(arrival, now, quota) {
                    Ok(next) => arrival = next,
                    Err(wait) => {
                        let wait = i64::try_from(wait).unwrap();
                        prop_assert!(decide(arrival, now + wait, quota).is_ok());
                        prop_assert!(decide(arrival, now + wait - 1, quota).is_err());
                    }
                }
            }
        }

        #[test]
        fn no_window_holds_more_than_burst_and_rate(
            interval_us in 1u64..10_000, burst in 1u32..20,
            gaps in prop::collection::vec(0i64..20_000, 1..300),
        ) {
            let quota = Quota { interval_us, burst };
            let (mut arrival, mut now) = (0, 1_000_000);
            let mut allowed = Vec::new();
            for gap in gaps {
                now += gap;
                if let Ok(next) = decide(arrival, now, quota) {
                    arrival = next;
                    allowed.push(now);
                }
            }
            for (i, first) in allowed.iter().enumerate() {
                for (j, last) in allowed.iter().enumerate().skip(i) {
                    let most = i64::from(burst) + (last - first) / i64::try_from(interval_us).unwrap();
                    prop_assert!(i64::try_from(j - i + 1).unwrap() <= most);
                }
            }
        }
    }

    #[test]
    fn a_clock_set_back_shuts_nobody_out() {
        let quota = Quota { interval_us: 1_000, burst: 3 };
        let arrival = decide(0, 60_000_000, quota).unwrap();
        let arrival = decide(arrival, 1_000_000, quota).unwrap();
        assert_eq!(decide(arrival, 1_000_000, quota), Err(1_000));
        assert!(decide(arrival, 1_001_000, quota).is_ok());
    }

    #[test]
    fn a_flood_of_keys_stays_bounded_and_refused() {
        let mut throttle = Throttle::new(Quota { interval_us: 1_000, burst: 1 }, 2);
        assert!(throttle.check(b"a", 0).is_ok());
        assert!(throttle.check(b"b", 0).is_ok());
        assert!(throttle.check(b"c", 0).is_err());
        assert!(throttle.check(b"c", 1_001).is_ok(), "idle keys are forgotten");
        assert!(throttle.arrivals_us.len() <= 2);
    }
}
