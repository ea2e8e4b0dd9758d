//! The comparison as a table in Markdown, a row a server. Pure: it never measures.

use crate::table::{Spread, grouped};

const MIB: f64 = 1024.0 * 1024.0;

/// How many of the last rows are the bare echo's; the first of them is what all are held against.
pub(crate) const ECHOES: usize = 2;

/// What a reader must know beside the table.
pub(crate) const HOW_TO_READ: &str = "\
100,000 agents with records of 220 bytes; 16 connections, each with one request under way; medians. In parentheses: \
the throughput as a share of the bare echo's, which is the cheapest server that ZeroMQ allows; what the second echo \
differs from 1.00 is noise. CPU is the server's for one request. Memory is what is resident with all agents \
registered. The program's size is that of its file, and in parentheses with every library and runtime that it runs \
from, libc included. What stands on Redis is one that has it for itself: CPU, memory and program with libraries are those of \
both.";

/// A server's figures.
pub(crate) struct Row {
    pub(crate) title: String,
    pub(crate) asked_with: &'static str,
    pub(crate) kept: &'static str,
    pub(crate) lookups: Figures,
    pub(crate) registrations: Figures,
    /// None for an echo, which keeps nothing.
    pub(crate) still: Option<Still>,
    /// In milliseconds.
    pub(crate) start: Option<Spread>,
}

/// Medians under one kind of load.
pub(crate) struct Figures {
    pub(crate) per_second: f64,
    pub(crate) p99_ms: f64,
    pub(crate) processor_micros: f64,
}

/// Sizes in bytes.
#[derive(Clone, Copy)]
pub(crate) struct Still {
    pub(crate) resident: u64,
    pub(crate) program: u64,
    pub(crate) with_libraries: u64,
}

const HEAD: [&str; 8] = [
    "",
    "lookups",
    "registrations",
    "memory",
    "program",
    "start to first answer",
    "asked with",
    "when answered, a registration is",
];

/// The whole table.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut lines = vec![line(&HEAD.map(String::from)), "|---".repeat(HEAD.len()) + "|"];
    let echo = &rows[rows.len() - ECHOES];
    lines.extend(rows.iter().map(|row| line(&cells(row, echo))));
    lines.join("\n")
}

fn cells(row: &Row, echo: &Row) -> [String; 8] {
    let dash = || "–".to_owned();
    [
        row.title.clone(),
        load(&row.lookups, &echo.lookups),
        load(&row.registrations, &echo.registrations),
        row.still.map_or_else(dash, |still| mebibytes(still.resident)),
        row.still.map_or_else(dash, |still| {
            format!("{} ({})", mebibytes(still.program), mebibytes(still.with_libraries))
        }),
        row.start.map_or_else(dash, |start| format!("{} ms", short(start.median))),
        row.asked_with.to_owned(),
        row.kept.to_owned(),
    ]
}

fn load(figures: &Figures, echo: &Figures) -> String {
    format!(
        "{}/s ({:.2}), p99 {} ms, CPU {:.0} µs",
        grouped(figures.per_second as u64),
        figures.per_second / echo.per_second,
        short(figures.p99_ms),
        figures.processor_micros
    )
}

fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", short(bytes as f64 / MIB))
}

/// With as many digits as mean something.
fn short(value: f64) -> String {
    match value {
        0.0..1.0 => format!("{value:.2}"),
        1.0..10.0 => format!("{value:.1}"),
        _ => grouped(value.round() as u64),
    }
}

fn line(cells: &[String; 8]) -> String {
    format!("| {} |", cells.join(" | "))
}
