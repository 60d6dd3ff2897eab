//! The core of godkend: secrets, rules, store and engine, without Python.
//!
//! Read it in this order: [`lockout`], [`throttle`] and [`budget`] are the decisions; [`challenge`],
//! [`approval`] and [`login`] the challenge-response; [`pin`], [`signature`], [`keys`] and
//! [`assertion`] the cryptography around vetted crates; [`engine::command`] what can be done; [`engine`]
//! and [`store`] how it is done durably and fast.

#![deny(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        missing_docs
    )
)]

pub mod activation;
pub mod admission;
pub mod age;
pub mod approval;
pub mod assertion;
pub mod authenticator;
pub mod budget;
pub mod challenge;
pub mod civil;
pub mod clock;
pub mod consent;
pub mod contact;
pub mod copy_code;
pub mod copy_statement;
pub mod copying;
pub mod delegation;
pub mod digest;
pub mod display;
pub mod door;
pub mod engine;
pub mod error;
pub mod event;
pub mod evidence;
pub mod history;
pub mod identity;
pub mod key_card;
pub mod keys;
pub mod level;
pub mod lockout;
pub mod login;
pub mod nemid;
pub mod notification;
pub mod organisation;
pub mod otp;
pub mod passport;
pub mod password;
pub mod pin;
pub mod policy;
pub mod population;
pub mod random;
pub mod receipt;
pub mod recovery;
pub mod self_service;
pub mod signature;
pub mod signing;
pub mod store;
pub mod temporary_pin;
pub mod throttle;
#[cfg(test)]
mod vectors;
pub mod witness;

/// Names a row: 16 bytes that nobody can guess.
pub type Id = [u8; 16];
