//! Key cards, and which of their keys are used.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, damaged};
use crate::Id;
use crate::clock::Millis;
use crate::error::Result;
use crate::key_card::{KeyCard, State, UsedKeys};

macro_rules! columns {
    () => {
        "id, identity_id, state, keys, used, printed_by, ordered_at, changed_at"
    };
}

/// Key cards.
#[allow(clippy::missing_errors_doc)]
pub trait KeyCardRows {
    /// A card.
    fn key_card(&mut self, id: &Id) -> Result<Option<KeyCard>>;
    /// The cards that were ever an identity's, in the order in which they were ordered.
    fn key_cards_of(&mut self, identity_id: &Id) -> Result<Vec<KeyCard>>;
    /// The card that an identity uses.
    fn active_key_card_of(&mut self, identity_id: &Id) -> Result<Option<KeyCard>>;
    /// Cards that wait to be printed, after a place in the order in which they were ordered.
    fn ordered_key_cards(&mut self, after: (Millis, Id), count_max: usize) -> Result<Vec<KeyCard>>;
    /// Adds or replaces a card.
    fn put_key_card(&mut self, card: &KeyCard) -> Result<()>;
}

impl KeyCardRows for SqliteTx<'_> {
    fn key_card(&mut self, id: &Id) -> Result<Option<KeyCard>> {
        self.one(select!("key_card", "WHERE id = ?1"), [id], read_key_card)
    }

    fn key_cards_of(&mut self, identity_id: &Id) -> Result<Vec<KeyCard>> {
        let sql = select!("key_card", "WHERE identity_id = ?1 ORDER BY ordered_at, id");
        self.all(sql, [identity_id], read_key_card)
    }

    fn active_key_card_of(&mut self, identity_id: &Id) -> Result<Option<KeyCard>> {
        // `state = 3` in words, so that the partial index fits; so below.
        let sql = select!("key_card", "WHERE identity_id = ?1 AND state = 3");
        self.one(sql, [identity_id], read_key_card)
    }

    fn ordered_key_cards(&mut self, after: (Millis, Id), count_max: usize) -> Result<Vec<KeyCard>> {
        let sql = select!(
            "key_card",
            "WHERE state = 1 AND (ordered_at, id) > (?1, ?2) ORDER BY ordered_at, id LIMIT ?3"
        );
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        self.all(sql, params![after.0, after.1, count_max], read_key_card)
    }

    fn put_key_card(&mut self, it: &KeyCard) -> Result<()> {
        let sql = insert!(
            "key_card",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET \
             state = excluded.state, used = excluded.used, printed_by = excluded.printed_by, \
             changed_at = excluded.changed_at"
        );
        self.put(
            sql,
            params![
                it.id,
                it.identity_id,
                it.state as u8,
                it.keys,
                it.used.as_bytes(),
                it.printed_by,
                it.ordered_at,
                it.changed_at,
            ],
        )?;
        Ok(())
    }
}

impl KeyCardRows for MemoryTx {
    fn key_card(&mut self, id: &Id) -> Result<Option<KeyCard>> {
        Ok(self.rows.key_cards.get(id).cloned())
    }

    fn key_cards_of(&mut self, identity_id: &Id) -> Result<Vec<KeyCard>> {
        let all = self.rows.key_cards.values();
        let mut of: Vec<_> = all.filter(|row| row.identity_id == *identity_id).cloned().collect();
        of.sort_by_key(|row| (row.ordered_at, row.id));
        Ok(of)
    }

    fn active_key_card_of(&mut self, identity_id: &Id) -> Result<Option<KeyCard>> {
        let of = self.key_cards_of(identity_id)?;
        Ok(of.into_iter().find(|row| row.state == State::Active))
    }

    fn ordered_key_cards(&mut self, after: (Millis, Id), count_max: usize) -> Result<Vec<KeyCard>> {
        let all = self.rows.key_cards.values();
        let mut ordered: Vec<_> = all
            .filter(|it| it.state == State::Ordered && (it.ordered_at, it.id) > after)
            .cloned()
            .collect();
        ordered.sort_by_key(|it| (it.ordered_at, it.id));
        ordered.truncate(count_max);
        Ok(ordered)
    }

    fn put_key_card(&mut self, card: &KeyCard) -> Result<()> {
        self.rows.key_cards.insert(card.id, card.clone());
        Ok(())
    }
}

fn read_key_card(row: &Row<'_>) -> Result<KeyCard> {
    let mut columns = Columns::of(row);
    let (id, identity_id) = (columns.take()?, columns.take()?);
    let state = State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?;
    let keys = columns.unsigned("keys")?;
    let used = UsedKeys::from_stored(columns.take()?, keys).ok_or_else(|| damaged("used"))?;
    Ok(KeyCard {
        id,
        identity_id,
        state,
        keys,
        used,
        printed_by: columns.take()?,
        ordered_at: columns.take()?,
        changed_at: columns.take()?,
    })
}

/// The only states that queries spell out, kept true by the compiler.
const _: () = assert!(State::Ordered as u8 == 1 && State::Active as u8 == 3);
