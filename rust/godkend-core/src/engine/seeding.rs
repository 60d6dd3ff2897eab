//! Writes a synthetic population: thousands of rows a transaction, and no hash but one for each PIN and
//! each password.
//!
//! It can be cut off at any moment and goes on where the last commit was: how far it came is written with
//! the rows. Several at once take turns. One event tells of the whole population, in the transaction
//! that marks the store.

use std::num::NonZero;
use std::thread;

use crate::Id;
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::contact::Contact;
use crate::display::{Display, Kind, State, seal_seed};
use crate::engine::command::{FinishActivation, SetPassword, display_id};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::{Identity, Level};
use crate::keys::Keys;
use crate::level::Enrolment;
use crate::lockout::Lockout;
use crate::otp::Progress;
use crate::password::{PasswordRecord, StoredPassword};
use crate::pin::{Arena, Params, PinRecord, Record, Secret};
use crate::policy::Policy;
use crate::population::{Mark, Population};
use crate::random::{self, Random};
use crate::store::{Connection, Store, Tx};

/// How many subscribers one transaction writes: some 10 MB, so that the log is written back in time.
const ROWS: u64 = 8_192;
/// Under this id a record is hashed before it is sealed for its authenticator.
const NOBODY: Id = [0; 16];

/// A population on its way into a store.
pub struct Seeding {
    connection: Box<dyn Connection>,
    rows: Rows,
    mark: Mark,
}

/// Makes the rows of subscribers.
struct Rows {
    keys: Keys,
    population: Population,
    /// One for each PIN, hashed.
    records: Vec<PinRecord>,
    /// One for each password, hashed.
    passwords: Vec<PasswordRecord>,
    now: Millis,
}

/// The rows of one subscriber.
struct Subscriber {
    identity: Identity,
    authenticator: Authenticator,
    display: Option<(Display, StoredPassword)>,
}

impl Seeding {
    /// Marks the store, or finds the mark of a seeding that was cut off.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `store` if real identities or another population are in it; a fault.
    pub fn begin(
        store: &dyn Store,
        keys: Keys,
        policy: &Policy,
        population: Population,
        now: Millis,
        random: &mut dyn Random,
    ) -> Result<Self> {
        let mut connection = store.connect()?;
        let mut mark = population.mark();
        connection.write(true, &mut |tx| {
            mark = begin(tx, population.mark(), now)?;
            Ok(())
        })?;
        let params = &policy.pin_params()?;
        let pin_version = FinishActivation::PIN_VERSION;
        let records = hashed(&keys, params, population.pins(), pin_version, random)?;
        let version = SetPassword::VERSION;
        let passwords = hashed(&keys, params, population.passwords(), version, random)?;
        Ok(Self { connection, rows: Rows { keys, population, records, passwords, now }, mark })
    }

    /// How far it came.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// Writes the next rows, if there are any, and keeps them before it returns.
    ///
    /// # Errors
    /// A fault; then nothing was written since the last step.
    pub fn step(&mut self) -> Result<Mark> {
        let Mark { written, identities, .. } = self.mark;
        let rows = self.rows.prepared(written, ROWS.min(identities.saturating_sub(written)))?;
        let mut mark = self.mark;
        self.connection.write(true, &mut |tx| {
            let found = tx.population()?.ok_or_else(lost)?;
            if found != self.mark {
                mark = found; // Another process has written these rows meanwhile.
                return Ok(());
            }
            for row in &rows {
                tx.put_identity(&row.identity)?;
                tx.put_authenticator(&row.authenticator)?;
                if let Some((display, password)) = &row.display {
                    tx.put_display(display)?;
                    tx.put_password(password)?;
                }
            }
            mark.written = written + rows.len() as u64;
            tx.put_population(&mark)
        })?;
        self.mark = mark;
        Ok(mark)
    }
}

impl Rows {
    /// Rows of subscribers from `first` on, made on all cores: device keys take longest.
    fn prepared(&self, first: u64, count: u64) -> Result<Vec<Subscriber>> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get) as u64;
        let share = count.div_ceil(cores).max(1);
        thread::scope(|scope| {
            let shares: Vec<_> = (0..cores)
                .map(|core| {
                    let from = first + (core * share).min(count);
                    let to = first + ((core + 1) * share).min(count);
                    scope.spawn(move || (from..to).map(|index| self.row(index)).collect())
                })
                .collect();
            let mut rows = Vec::new();
            for share in shares {
                let made: Result<Vec<_>> = share.join().unwrap_or_else(|_| Err(lost()));
                rows.append(&mut made?);
            }
            Ok(rows)
        })
    }

    fn row(&self, index: u64) -> Result<Subscriber> {
        let (identity_id, id) =
            (self.population.identity_id(index), self.population.authenticator_id(index));
        let record = shared(&self.records, index)?;
        let identity = Identity {
            id: identity_id,
            user_id: Population::user_id(index)?,
            name: format!("Synthetic Subscriber {index}"),
            birth_date: None,
            level: Level::Substantial,
            is_vouched: true,
            identified_at: None,
            organisation: None,
            contact: Contact::default(),
            blocked_at: None,
            created_at: self.now,
        };
        let authenticator = Authenticator {
            id,
            identity_id,
            device_name: "synthetic phone".to_owned(),
            public_key: self.population.public_key(index)?,
            enrolment: Enrolment::default(),
            biometrics_on: true,
            notifications_on: true,
            pin_record: record.reseal(&self.keys, &id, FinishActivation::PIN_VERSION)?,
            pin_version: FinishActivation::PIN_VERSION,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: self.now,
        };
        let number = self.population.display_number(index);
        let display = number.map(|number| self.display(index, number, identity_id)).transpose()?;
        Ok(Subscriber { identity, authenticator, display })
    }

    /// A display in use, and the password beside it.
    fn display(
        &self,
        index: u64,
        number: u64,
        identity_id: Id,
    ) -> Result<(Display, StoredPassword)> {
        let it = self.population.display(index, number)?;
        let id = display_id(&self.keys, &it.serial_number);
        let display = Display {
            id,
            kind: Kind::CodeDisplay,
            algorithm: it.algorithm,
            factor: it.factor,
            seed: seal_seed(&self.keys, &id, &it.seed)?,
            serial_number: it.serial_number,
            state: State::Active,
            identity_id: Some(identity_id),
            progress: Progress::default(),
            imported_at: self.now,
            changed_at: self.now,
        };
        let (id, record) = (self.population.password_id(index), shared(&self.passwords, number)?);
        let password = StoredPassword {
            identity_id,
            id,
            record: record.reseal(&self.keys, &id, SetPassword::VERSION)?,
            lockout: Lockout::default(),
            set_at: self.now,
        };
        Ok((display, password))
    }
}

/// Each secret hashed once, for nobody yet.
fn hashed<S: Secret>(
    keys: &Keys,
    params: &Params,
    secrets: &[S],
    version: u32,
    random: &mut dyn Random,
) -> Result<Vec<Record<S>>> {
    let mut arena = Arena::new(params.memory_kib(), params.memory_kib())?;
    let mut records = Vec::with_capacity(secrets.len());
    for secret in secrets {
        let salt = random::array(random)?;
        let sealed = Record::create(keys, &mut arena, params, secret, salt, &NOBODY, version)?;
        records.push(Record::open(keys, &sealed, &NOBODY, version)?);
    }
    Ok(records)
}

/// The record that number `nth` has together with others.
fn shared<T>(records: &[T], nth: u64) -> Result<&T> {
    let count = records.len().max(1) as u64;
    usize::try_from(nth % count).ok().and_then(|which| records.get(which)).ok_or_else(lost)
}

fn begin(tx: &mut dyn Tx, mark: Mark, now: Millis) -> Result<Mark> {
    if let Some(found) = tx.population()? {
        if (found.population_id, found.identities) != (mark.population_id, mark.identities) {
            return Err(Error::invalid("store", "holds another synthetic population already"));
        }
        return Ok(found);
    }
    if tx.has_identities()? {
        let bound = "holds real identities; a synthetic population needs a store of its own";
        return Err(Error::invalid("store", bound));
    }
    tx.put_population(&mark)?;
    let event = NewEvent {
        kind: kind::POPULATION_SEEDED,
        actor: "operator".to_owned(),
        detail: serde_json::json!({ "identities": mark.identities, "synthetic": true }).to_string(),
        ..NewEvent::default()
    };
    tx.append_event(event, now)?;
    Ok(mark)
}

fn lost() -> Error {
    Error::fault(Reason::Internal, "a seeding has lost its mark or a thread")
}
