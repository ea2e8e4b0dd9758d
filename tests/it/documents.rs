//! What is written about the daemon holds: the commands that a reader types and the replies that a page shows, the tables
//! of settings, the Python agents, the links. Everything is taken from the pages as they are, and tried.
//!
//! Blocks of code on a page say by their info string what they are; `page` knows the words.

mod agents;
mod behind_redis;
mod codes;
mod instances;
mod libzmq;
mod lines;
mod markup;
mod page;
mod pages;
mod promises;
mod repository;
mod settings;
mod shipped;
mod state;
mod terminal;
mod testing;
mod units;
