//! Identities.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, ROWS_AT_A_TIME, SqliteTx, damaged, rows_at_a_time};
use crate::Id;
use crate::contact::{Contact, Language};
use crate::error::Result;
use crate::identity::{Identity, UserId};
use crate::pin::BirthDate;

macro_rules! columns {
    () => {
        "id, user_id, user_id_canonical, name, birth_date, level, blocked_at, created_at, \
         phone_number, phone_number_changed_at, email, language, is_vouched, identified_at, \
         organisation"
    };
}

/// Identities.
#[allow(clippy::missing_errors_doc)]
pub trait IdentityRows {
    /// An identity by its name in the store.
    fn identity(&mut self, id: &Id) -> Result<Option<Identity>>;
    /// An identity by the canonical form of its user ID.
    fn identity_by_user_id(&mut self, canonical: &str) -> Result<Option<Identity>>;
    /// The identities of those born on a day, at most [`ROWS_AT_A_TIME`] of them.
    fn identities_born_on(&mut self, birth_date: BirthDate) -> Result<Vec<Identity>>;
    /// Adds or replaces an identity.
    fn put_identity(&mut self, identity: &Identity) -> Result<()>;
}

impl IdentityRows for SqliteTx<'_> {
    fn identity(&mut self, id: &Id) -> Result<Option<Identity>> {
        self.one(select!("identity", "WHERE id = ?1"), [id], read_identity)
    }

    fn identity_by_user_id(&mut self, canonical: &str) -> Result<Option<Identity>> {
        self.one(select!("identity", "WHERE user_id_canonical = ?1"), [canonical], read_identity)
    }

    fn identities_born_on(&mut self, birth_date: BirthDate) -> Result<Vec<Identity>> {
        let sql = select!("identity", "WHERE birth_date = ?1 ORDER BY id LIMIT ?2");
        self.all(sql, params![birth_date.to_string(), rows_at_a_time()], read_identity)
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<()> {
        let sql = insert!(
            "identity",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
             ON CONFLICT (id) DO UPDATE SET \
             user_id = excluded.user_id, user_id_canonical = excluded.user_id_canonical, \
             name = excluded.name, birth_date = excluded.birth_date, level = excluded.level, \
             blocked_at = excluded.blocked_at, phone_number = excluded.phone_number, \
             phone_number_changed_at = excluded.phone_number_changed_at, \
             email = excluded.email, language = excluded.language, \
             identified_at = excluded.identified_at"
        );
        self.put(
            sql,
            params![
                identity.id,
                identity.user_id.chosen,
                identity.user_id.canonical,
                identity.name,
                identity.birth_date.map(|date| date.to_string()),
                identity.level as u8,
                identity.blocked_at,
                identity.created_at,
                identity.contact.phone_number,
                identity.contact.phone_number_changed_at,
                identity.contact.email,
                identity.contact.language as u8,
                identity.is_vouched,
                identity.identified_at,
                identity.organisation,
            ],
        )?;
        Ok(())
    }
}

impl IdentityRows for MemoryTx {
    fn identity(&mut self, id: &Id) -> Result<Option<Identity>> {
        Ok(self.rows.identities.get(id).cloned())
    }

    fn identity_by_user_id(&mut self, canonical: &str) -> Result<Option<Identity>> {
        let mut all = self.rows.identities.values();
        Ok(all.find(|identity| identity.user_id.canonical == canonical).cloned())
    }

    fn identities_born_on(&mut self, birth_date: BirthDate) -> Result<Vec<Identity>> {
        let all = self.rows.identities.values();
        let born = all.filter(|identity| identity.birth_date == Some(birth_date));
        Ok(born.take(ROWS_AT_A_TIME).cloned().collect())
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<()> {
        self.rows.identities.insert(identity.id, identity.clone());
        Ok(())
    }
}

fn read_identity(row: &Row<'_>) -> Result<Identity> {
    let mut columns = Columns::of(row);
    let birth_date = |text: Option<String>| text.map(|text| BirthDate::parse(&text)).transpose();
    Ok(Identity {
        id: columns.take()?,
        user_id: UserId { chosen: columns.take()?, canonical: columns.take()? },
        name: columns.take()?,
        birth_date: birth_date(columns.take()?).map_err(|_| damaged("birth_date"))?,
        level: columns.level()?,
        blocked_at: columns.take()?,
        created_at: columns.take()?,
        contact: Contact {
            phone_number: columns.take()?,
            phone_number_changed_at: columns.take()?,
            email: columns.take()?,
            language: Language::parse(columns.take()?).map_err(|_| damaged("language"))?,
        },
        is_vouched: columns.take()?,
        identified_at: columns.take()?,
        organisation: columns.take()?,
    })
}
