use proptest::prelude::*;

use super::*;

fn judge(digits: &[u8], birth_date: Option<BirthDate>) -> Option<Weakness> {
    weakness(&Pin::parse(digits).unwrap(), birth_date)
}

#[test]
fn each_kind_of_easy_pin_is_named() {
    let born = BirthDate::parse("1987-11-24").ok();
    for (digits, kind) in [
        (b"111111", Weakness::Repeat),
        (b"000000", Weakness::Repeat),
        (b"123456", Weakness::Run),
        (b"654321", Weakness::Run),
        (b"567890", Weakness::Run),
        (b"890123", Weakness::Run),
        (b"210987", Weakness::Run),
        (b"121212", Weakness::Pattern),
        (b"123123", Weakness::Pattern),
        (b"123321", Weakness::Pattern),
        (b"112233", Weakness::Pattern),
        (b"111222", Weakness::Pattern),
        (b"241187", Weakness::BirthDate),
        (b"112487", Weakness::BirthDate),
        (b"871124", Weakness::BirthDate),
        (b"872411", Weakness::BirthDate),
        (b"248711", Weakness::BirthDate),
        (b"118724", Weakness::BirthDate),
        (b"198711", Weakness::BirthDate),
        (b"198724", Weakness::BirthDate),
        (b"111987", Weakness::BirthDate),
        (b"241987", Weakness::BirthDate),
        (b"159753", Weakness::Common),
        (b"147258", Weakness::Common),
    ] {
        assert_eq!(judge(digits, born), Some(kind), "{}", String::from_utf8_lossy(digits));
    }
}

#[test]
fn a_birth_date_is_only_weak_for_whose_it_is() {
    assert_eq!(judge(b"241187", None), None);
    assert_eq!(judge(b"241187", BirthDate::parse("1987-11-25").ok()), None);
}

#[test]
fn the_common_list_is_sorted_without_doubles_and_all_digits() {
    assert!(COMMON.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(COMMON.iter().all(|digits| digits.iter().all(u8::is_ascii_digit)));
}

#[test]
fn the_rules_refuse_few_enough_that_choosing_stays_easy() {
    let refused =
        (0..1_000_000).filter(|n| judge(format!("{n:06}").as_bytes(), None).is_some()).count();
    // 10 repeats, 20 runs, the patterns and the list: less than one PIN in 250.
    assert!((3_000..4_000).contains(&refused), "{refused}");
}

#[test]
fn a_birth_date_is_a_day_of_the_real_calendar() {
    for real in ["1900-01-01", "2199-12-31", "2000-02-29", "2024-02-29", "1999-02-28", "2011-04-30"]
    {
        assert_eq!(BirthDate::parse(real).map(|date| date.to_string()), Ok(real.to_owned()));
    }
    for unreal in [
        "",
        "1899-12-31",
        "2200-01-01",
        "1900-02-29",
        "2100-02-29",
        "2023-02-29",
        "2011-04-31",
        "2011-00-10",
        "2011-13-10",
        "2011-10-00",
        "2011-10-32",
        "2011-1-01",
        "2011/10/01",
        "20111001",
        "+011-10-01",
        " 2011-10-01",
        "2011-10-01 ",
        "2011-10-0é",
    ] {
        let refused = BirthDate::parse(unreal).unwrap_err().to_string();
        assert!(refused.starts_with("birth_date "), "{unreal}");
    }
}

fn digits() -> impl Strategy<Value = [u8; 6]> {
    prop::array::uniform6(b'0'..=b'9')
}

fn birth_dates() -> impl Strategy<Value = BirthDate> {
    (1900..=2199_u16, 1..=12_u8, 1..=31_u8)
        .prop_filter_map("no such day", |(y, m, d)| BirthDate::new(y, m, d).ok())
}

proptest! {
    /// An easy PIN does not become hard by reading it backwards, by mirroring the keypad's
    /// digits, or by turning every digit up by the same amount; except where a date or the list
    /// decides, which know single PINs.
    #[test]
    fn patterns_stay_patterns_backwards_and_turned(pin in digits(), turn in 0..10_u8) {
        let shape = |digits: &[u8; 6]| judge(digits, None).filter(|kind| *kind != Weakness::Common);
        let mut backwards = pin;
        backwards.reverse();
        let turned = pin.map(|digit| b'0' + (digit - b'0' + turn) % 10);
        let mirrored = pin.map(|digit| b'0' + (b'9' - digit));
        for other in [backwards, turned, mirrored] {
            prop_assert_eq!(shape(&pin), shape(&other));
        }
    }

    #[test]
    fn whatever_is_made_by_a_pattern_is_refused(d in prop::array::uniform3(b'0'..=b'9'), up in any::<bool>()) {
        let [a, b, c] = d;
        let step = if up { 1 } else { 9 };
        let run: Vec<u8> = (0..6_u8).map(|i| b'0' + (a - b'0' + i * step) % 10).collect();
        for made in [[a; 6], [a, b, a, b, a, b], [a, b, c, a, b, c], [a, b, c, c, b, a], [a, a, b, b, c, c], [a, a, a, b, b, b]] {
            prop_assert!(judge(&made, None).is_some());
        }
        prop_assert!(judge(&run, None).is_some());
    }

    #[test]
    fn no_order_of_the_birth_date_passes(date in birth_dates()) {
        let text = date.to_string();
        let (century, year, month, day) = (&text[0..2], &text[2..4], &text[5..7], &text[8..10]);
        for pieces in [
            [day, month, year], [month, day, year], [year, month, day], [year, day, month], [day, year, month],
            [month, year, day], [century, year, month], [century, year, day], [month, century, year], [day, century, year],
        ] {
            prop_assert!(judge(pieces.concat().as_bytes(), Some(date)).is_some());
        }
    }

    #[test]
    fn knowing_the_birth_date_only_refuses_more(pin in digits(), date in birth_dates()) {
        if judge(&pin, None).is_some() {
            prop_assert!(judge(&pin, Some(date)).is_some());
        }
    }
}
