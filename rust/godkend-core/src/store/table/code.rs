//! Activation codes, and the phones between a code and a PIN.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, algorithm_number, damaged};
use crate::Id;
use crate::activation::{Activation, Channel, Code, CodeState};
use crate::error::Result;

macro_rules! columns {
    () => {
        "id, identity_id, channel, state, tries_left, created_at, expires_at, attested_key, \
         activation_id, activation_challenge, key_algorithm, public_key, device_name, \
         activation_expires_at, finished_by"
    };
}

/// Activation codes, and the phones between a code and a PIN.
#[allow(clippy::missing_errors_doc)]
pub trait CodeRows {
    /// A code.
    fn code(&mut self, id: &Id) -> Result<Option<Code>>;
    /// The codes of an identity that are still issued.
    fn issued_codes_of(&mut self, identity_id: &Id) -> Result<Vec<Code>>;
    /// The code whose present activation has this id.
    fn code_by_activation(&mut self, activation_id: &Id) -> Result<Option<Code>>;
    /// Adds or replaces a code.
    fn put_code(&mut self, code: &Code) -> Result<()>;
}

impl CodeRows for SqliteTx<'_> {
    fn code(&mut self, id: &Id) -> Result<Option<Code>> {
        self.one(select!("code", "WHERE id = ?1"), [id], read_code)
    }

    fn issued_codes_of(&mut self, identity_id: &Id) -> Result<Vec<Code>> {
        let sql = select!("code", "WHERE identity_id = ?1 AND state = ?2 ORDER BY id");
        self.all(sql, params![identity_id, CodeState::Issued as u8], read_code)
    }

    fn code_by_activation(&mut self, activation_id: &Id) -> Result<Option<Code>> {
        self.one(select!("code", "WHERE activation_id = ?1"), [activation_id], read_code)
    }

    fn put_code(&mut self, code: &Code) -> Result<()> {
        let sql = insert!(
            "code",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
             tries_left = excluded.tries_left, activation_id = excluded.activation_id, \
             activation_challenge = excluded.activation_challenge, \
             key_algorithm = excluded.key_algorithm, public_key = excluded.public_key, \
             device_name = excluded.device_name, \
             activation_expires_at = excluded.activation_expires_at, \
             finished_by = excluded.finished_by"
        );
        let activation = code.activation.as_ref();
        self.put(
            sql,
            params![
                code.id,
                code.identity_id,
                code.channel as u8,
                code.state as u8,
                code.tries_left,
                code.created_at,
                code.expires_at,
                code.attested_key,
                activation.map(|it| it.id),
                activation.map(|it| it.challenge),
                activation.map(|it| algorithm_number(it.public_key.algorithm())),
                activation.map(|it| it.public_key.as_bytes()),
                activation.map(|it| &it.device_name),
                activation.map(|it| it.expires_at),
                activation.and_then(|it| it.finished_by),
            ],
        )?;
        Ok(())
    }
}

impl CodeRows for MemoryTx {
    fn code(&mut self, id: &Id) -> Result<Option<Code>> {
        Ok(self.rows.codes.get(id).cloned())
    }

    fn issued_codes_of(&mut self, identity_id: &Id) -> Result<Vec<Code>> {
        let all = self.rows.codes.values();
        let issued =
            all.filter(|row| row.identity_id == *identity_id && row.state == CodeState::Issued);
        Ok(issued.cloned().collect())
    }

    fn code_by_activation(&mut self, activation_id: &Id) -> Result<Option<Code>> {
        let has = |row: &&Code| row.activation.as_ref().is_some_and(|a| a.id == *activation_id);
        Ok(self.rows.codes.values().find(has).cloned())
    }

    fn put_code(&mut self, code: &Code) -> Result<()> {
        self.rows.codes.insert(code.id, code.clone());
        Ok(())
    }
}

fn read_code(row: &Row<'_>) -> Result<Code> {
    let mut columns = Columns::of(row);
    Ok(Code {
        id: columns.take()?,
        identity_id: columns.take()?,
        channel: Channel::parse(columns.take()?).map_err(|_| damaged("channel"))?,
        state: match columns.take::<i64>()? {
            1 => CodeState::Issued,
            2 => CodeState::Used,
            3 => CodeState::Replaced,
            4 => CodeState::Ended,
            _ => return Err(damaged("state")),
        },
        tries_left: columns.unsigned("tries_left")?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        attested_key: columns.take()?,
        activation: match columns.take::<Option<Id>>()? {
            None => None,
            Some(id) => Some(Activation {
                id,
                challenge: columns.take()?,
                public_key: columns.public_key()?,
                device_name: columns.take()?,
                expires_at: columns.take()?,
                finished_by: columns.take()?,
            }),
        },
    })
}
