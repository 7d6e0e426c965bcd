//! Writes the schema of a table, with an example of an object that the table reads.

use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Deprecated, Ref, RefOr, Schema};

use super::errors::Errors;
use super::facts::{Facts, Lookup};
use super::fields::{Field, Fields, Table};
use super::rule::{Components, Rule};

/// The description of a table.
pub struct TableDescription {
    /// The object's schema.
    pub schema: RefOr<Schema>,
    /// The schemas that the object's schema refers to.
    pub components: Components,
}

/// Describes a table. If a field of the table has two names, the table has two forms. An object
/// with both names matches both forms.
pub fn describe<T: Table + ToSchema>() -> TableDescription {
    let mut newer = Describer::of::<T>(Form::Newer);
    let Some(names) = newer.names else {
        let components = std::mem::take(&mut newer.components);
        return TableDescription {
            schema: newer.object(T::ABOUT),
            components,
        };
    };
    let mut components = std::mem::take(&mut newer.components);
    let mut either = AnyOfBuilder::new().description(Some(T::ABOUT));
    for (form, name) in [(newer, names.0), (Describer::of::<T>(Form::Older), names.1)] {
        let component = format!("{}By{}", T::name(), capitalized(name));
        let about = format!("The form of the request that has the key `{name}`.");
        either = either.item(Ref::from_schema_name(&component));
        components.push((component, form.object(&about)));
    }
    TableDescription {
        schema: either.into(),
        components,
    }
}

/// Implements utoipa's schema traits for a request type, by its table.
macro_rules! describe_table {
    ($table:ty) => {
        impl utoipa::PartialSchema for $table {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::validation::describer::describe::<Self>().schema
            }
        }

        impl utoipa::ToSchema for $table {
            fn schemas(components: &mut $crate::validation::rule::Components) {
                components.extend($crate::validation::describer::describe::<Self>().components);
            }
        }
    };
}
pub(crate) use describe_table;

/// The choice of the name that is used for a field with two names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Newer,
    Older,
}

/// A visitor of the fields of a table, with the description so far.
struct Describer {
    facts: Facts,
    form: Form,
    names: Option<(&'static str, &'static str)>,
    properties: ObjectBuilder,
    example: Map<String, Value>,
    components: Components,
}

impl Describer {
    fn of<T: Table>(form: Form) -> Self {
        let (facts, properties) = (Facts::default(), ObjectBuilder::new());
        let mut describer = Self {
            facts,
            form,
            names: None,
            properties,
            example: Map::new(),
            components: Components::new(),
        };
        T::visit_fields(&mut describer);
        describer
    }

    fn object(self, about: &str) -> RefOr<Schema> {
        let example = (!self.example.is_empty()).then_some(Value::Object(self.example));
        self.properties
            .description(Some(about))
            .examples(example)
            .into()
    }

    /// Adds a field. Returns `None`, since there is no value to read.
    fn describe<T>(
        &mut self,
        field: Field,
        rule: &impl Rule<T>,
        change: impl FnOnce(RefOr<Schema>) -> RefOr<Schema>,
    ) -> Option<T> {
        let schema = change(rule.schema(&mut self.components));
        if let Some(example) = field
            .example
            .and_then(|json| serde_json::from_str(json).ok())
        {
            self.example.insert(field.name.to_owned(), example);
        }
        let properties = std::mem::take(&mut self.properties);
        self.properties = properties.property(field.name, with_description(schema, field.about));
        None
    }
}

impl Fields for Describer {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn required_or<T>(&mut self, field: Field, rule: impl Rule<T>, _: &'static str) -> Option<T> {
        self.properties = std::mem::take(&mut self.properties).required(field.name);
        self.describe(field, &rule, |schema| schema)
    }

    fn or_else<T>(
        &mut self,
        field: Field,
        rule: impl Rule<T>,
        _: impl FnOnce(&Facts) -> Result<T, Errors>,
    ) -> Option<T> {
        self.describe(field, &rule, |schema| schema)
    }

    fn nullable<T>(&mut self, field: Field, rule: impl Rule<T>) -> Option<T> {
        self.describe(field, &rule, or_null)
    }

    fn either<T>(&mut self, newer: Field, older: Field, rule: impl Rule<T>) -> Option<T> {
        self.names = Some((newer.name, older.name));
        let field = if self.form == Form::Newer {
            newer
        } else {
            older
        };
        self.properties = std::mem::take(&mut self.properties).required(field.name);
        let is_old = self.form == Form::Older;
        self.describe(field, &rule, |schema| {
            if is_old { deprecated(schema) } else { schema }
        })
    }

    fn look_up(&mut self, _: &'static str, _: Lookup) {}
}

fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(name.len().min(1));
    first.to_uppercase() + rest
}

fn with_description(schema: RefOr<Schema>, about: &str) -> RefOr<Schema> {
    let about = about.to_owned();
    match schema {
        RefOr::Ref(mut reference) => {
            reference.description = about;
            RefOr::Ref(reference)
        }
        RefOr::T(mut schema) => {
            match &mut schema {
                Schema::Object(object) => object.description = Some(about),
                Schema::Array(array) => array.description = Some(about),
                Schema::OneOf(one_of) => one_of.description = Some(about),
                Schema::AllOf(all_of) => all_of.description = Some(about),
                Schema::AnyOf(any_of) => any_of.description = Some(about),
                _ => {}
            }
            RefOr::T(schema)
        }
    }
}

/// Returns the schema of a value that may also be null.
fn or_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    let and_null = |schema_type: &SchemaType| match schema_type {
        SchemaType::Type(one) => SchemaType::from_iter([one.clone(), Type::Null]),
        SchemaType::Array(several) => {
            SchemaType::from_iter(several.iter().cloned().chain([Type::Null]))
        }
        SchemaType::AnyValue => SchemaType::AnyValue,
    };
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = and_null(&object.schema_type);
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = and_null(&array.schema_type);
            RefOr::T(Schema::Array(array))
        }
        other => OneOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::Null))
            .item(other)
            .into(),
    }
}

fn deprecated(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            object.deprecated = Some(Deprecated::True);
            RefOr::T(Schema::Object(object))
        }
        other => other,
    }
}
