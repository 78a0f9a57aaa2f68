//! Parameters that the canonical ABI passes as numbers instead of an address.
//!
//! The generated code keeps parameters in memory on both ways. Before a call it reads the numbers
//! from there, and after an incoming call it writes them there, so that `load` and `store` are the
//! only code that knows the types.

use wit_parser::{Int, Type, TypeDefKind};

use super::memory::{at, int};
use super::types::{Types, primitive};

/// A type of a number in WebAssembly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Core {
    I32,
    I64,
    F32,
    F64,
}

impl Core {
    /// Returns the type of the parameter in Go.
    pub(super) fn go(self) -> &'static str {
        match self {
            Self::I32 => "uint32",
            Self::I64 => "uint64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    /// Returns the type that holds values of both types.
    fn join(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::I32, Self::F32) | (Self::F32, Self::I32) => Self::I32,
            _ => Self::I64,
        }
    }

    /// Returns the expression that puts a value of this type into a wider one.
    fn widen(self, to: Self, value: &str) -> String {
        match (self, to) {
            (Self::F32, Self::I32) => format!("math.Float32bits({value})"),
            (Self::F32, Self::I64) => format!("uint64(math.Float32bits({value}))"),
            (Self::F64, Self::I64) => format!("math.Float64bits({value})"),
            (Self::I32, Self::I64) => format!("uint64({value})"),
            _ => value.to_owned(),
        }
    }

    /// Returns the expression that takes a value of this type out of a wider one.
    fn narrow(self, from: Self, value: &str) -> String {
        match (self, from) {
            (Self::F32, Self::I32) => format!("math.Float32frombits({value})"),
            (Self::F32, Self::I64) => format!("math.Float32frombits(uint32({value}))"),
            (Self::F64, Self::I64) => format!("math.Float64frombits({value})"),
            (Self::I32, Self::I64) => format!("uint32({value})"),
            _ => value.to_owned(),
        }
    }
}

/// A number at an offset in memory: its type in Go, and its type as a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Slot {
    stored: &'static str,
    core: Core,
    offset: usize,
}

/// The numbers of a type, in order.
#[derive(Debug)]
enum Shape {
    Number(Slot),
    All(Vec<Shape>),
    /// The tag, and the payload of each case.
    Choice(Slot, Vec<Shape>),
}

impl Types<'_> {
    /// Returns the types of the numbers for parameters.
    pub(super) fn cores(&self, parameters: &[Type]) -> Vec<Core> {
        cores(&self.all(parameters, 0))
    }

    /// Returns expressions for the numbers of parameters that are stored at `area`.
    pub(super) fn flatten(&self, parameters: &[Type]) -> Vec<String> {
        flatten(&self.all(parameters, 0))
    }

    /// Returns the statements that store the numbers `a0`, `a1` and so on at `area`.
    pub(super) fn unflatten(&self, parameters: &[Type]) -> String {
        let shape = self.all(parameters, 0);
        let names: Vec<_> = (0..cores(&shape).len()).map(|i| format!("a{i}")).collect();
        unflatten(&shape, &names, "\t")
    }

    fn all(&self, types: &[Type], base: usize) -> Shape {
        let fields = self.sizes.field_offsets(types).into_iter();
        Shape::All(
            fields
                .map(|(offset, ty)| self.shape(*ty, base + offset.size_wasm32()))
                .collect(),
        )
    }

    fn shape(&self, ty: Type, offset: usize) -> Shape {
        let number = |stored, core, offset| {
            Shape::Number(Slot {
                stored,
                core,
                offset,
            })
        };
        let pointer = || {
            let half = |offset| number("uint32", Core::I32, offset);
            Shape::All(vec![half(offset), half(offset + 4)])
        };
        let Some((_, definition)) = self.definition(ty) else {
            return match self.root(ty) {
                Type::String => pointer(),
                Type::U64 | Type::S64 => number("uint64", Core::I64, offset),
                Type::F32 => number("float32", Core::F32, offset),
                Type::F64 => number("float64", Core::F64, offset),
                other => number(primitive(other), Core::I32, offset),
            };
        };
        match &definition.kind {
            TypeDefKind::List(_) | TypeDefKind::Map(_, _) => pointer(),
            TypeDefKind::Record(record) => self.all(
                &record
                    .fields
                    .iter()
                    .map(|field| field.ty)
                    .collect::<Vec<_>>(),
                offset,
            ),
            TypeDefKind::Tuple(tuple) => self.all(&tuple.types, offset),
            TypeDefKind::Enum(cases) => number(int(cases.tag()), Core::I32, offset),
            TypeDefKind::Flags(_) => number(
                match self.size(ty) {
                    1 => "uint8",
                    2 => "uint16",
                    _ => "uint32",
                },
                Core::I32,
                offset,
            ),
            TypeDefKind::Option(inner) => self.choice(Int::U8, &[None, Some(*inner)], offset),
            TypeDefKind::Result(result) => self.choice(Int::U8, &[result.ok, result.err], offset),
            TypeDefKind::Variant(variant) => {
                let payloads: Vec<_> = variant.cases.iter().map(|case| case.ty).collect();
                self.choice(variant.tag(), &payloads, offset)
            }
            _ => Shape::All(Vec::new()),
        }
    }

    fn choice(&self, tag: Int, cases: &[Option<Type>], offset: usize) -> Shape {
        let payload = offset + self.payload_offset(cases, tag);
        let tag = Slot {
            stored: int(tag),
            core: Core::I32,
            offset,
        };
        let shapes = cases.iter().map(|case| match case {
            Some(ty) => self.shape(*ty, payload),
            None => Shape::All(Vec::new()),
        });
        Shape::Choice(tag, shapes.collect())
    }
}

fn cores(shape: &Shape) -> Vec<Core> {
    match shape {
        Shape::Number(slot) => vec![slot.core],
        Shape::All(shapes) => shapes.iter().flat_map(cores).collect(),
        Shape::Choice(tag, cases) => {
            let mut joined = vec![tag.core];
            for case in cases {
                for (i, core) in cores(case).into_iter().enumerate() {
                    match joined.get_mut(i + 1) {
                        Some(old) => *old = old.join(core),
                        None => joined.push(core),
                    }
                }
            }
            joined
        }
    }
}

fn flatten(shape: &Shape) -> Vec<String> {
    match shape {
        Shape::Number(slot) => vec![read(slot)],
        Shape::All(shapes) => shapes.iter().flat_map(flatten).collect(),
        Shape::Choice(tag, cases) => {
            let joined = cores(shape);
            let payloads: Vec<_> = cases
                .iter()
                .map(|case| (cores(case), flatten(case)))
                .collect();
            let mut values = vec![read(tag)];
            for (i, core) in joined.iter().enumerate().skip(1) {
                let of_case = |(cores, values): &(Vec<Core>, Vec<String>)| {
                    Some(cores.get(i - 1)?.widen(*core, &values[i - 1]))
                };
                values.push(by_case(
                    &read(tag),
                    *core,
                    payloads.iter().map(of_case).collect(),
                ));
            }
            values
        }
    }
}

/// Returns the expression for a number that depends on the case.
fn by_case(tag: &str, core: Core, values: Vec<Option<String>>) -> String {
    let mut distinct: Vec<_> = values.iter().flatten().collect();
    distinct.dedup();
    if let [value] = distinct[..] {
        return value.clone();
    }
    let cases = values
        .iter()
        .enumerate()
        .filter_map(|(number, value)| Some(format!("case {number}: return {}; ", value.as_ref()?)));
    let cases: String = cases.collect();
    format!(
        "func() {} {{ switch {tag} {{ {cases}}}; return 0 }}()",
        core.go()
    )
}

fn read(slot: &Slot) -> String {
    let value = format!("abi.Load[{}]({})", slot.stored, at("area", slot.offset));
    if slot.stored == slot.core.go() {
        value
    } else if slot.stored == "bool" {
        format!("uint32(abi.Load[uint8]({}))", at("area", slot.offset))
    } else {
        format!("{}({value})", slot.core.go())
    }
}

fn unflatten(shape: &Shape, values: &[String], indent: &str) -> String {
    match shape {
        Shape::Number(slot) => write(slot, &values[0], indent),
        Shape::All(shapes) => {
            let mut rest = values;
            let mut text = String::new();
            for shape in shapes {
                let (own, others) = rest.split_at(cores(shape).len());
                text += &unflatten(shape, own, indent);
                rest = others;
            }
            text
        }
        Shape::Choice(tag, cases) => {
            let joined = cores(shape);
            let mut text = write(tag, &values[0], indent);
            text += &format!("{indent}switch {} {{\n", values[0]);
            for (number, case) in cases.iter().enumerate() {
                let narrowed = cores(case).into_iter().enumerate();
                let narrowed: Vec<_> = narrowed
                    .map(|(i, core)| core.narrow(joined[i + 1], &values[i + 1]))
                    .collect();
                let stores = unflatten(case, &narrowed, &format!("{indent}\t"));
                if !stores.is_empty() {
                    text += &format!("{indent}case {number}:\n{stores}");
                }
            }
            text + &format!("{indent}}}\n")
        }
    }
}

fn write(slot: &Slot, value: &str, indent: &str) -> String {
    let address = at("area", slot.offset);
    if slot.stored == "bool" {
        format!("{indent}abi.Store({address}, uint8({value}))\n")
    } else if slot.stored == slot.core.go() {
        format!("{indent}abi.Store({address}, {value})\n")
    } else {
        format!("{indent}abi.Store({address}, {}({value}))\n", slot.stored)
    }
}
