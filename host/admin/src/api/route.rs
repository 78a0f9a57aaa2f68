//! An endpoint: its path, role and handler, and what OpenAPI says about it.

use axum::routing::MethodRouter;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::Schema;
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::Shared;
use crate::views::list::List;
use hookyard_model::Role;

/// A schema, its name, and the schemas that it refers to.
pub(super) struct Shape {
    pub(super) name: String,
    pub(super) schema: RefOr<Schema>,
    pub(super) others: Vec<(String, RefOr<Schema>)>,
}

impl Shape {
    fn of<T: ToSchema + PartialSchema>() -> Self {
        let mut others = Vec::new();
        T::schemas(&mut others);
        Self {
            name: T::name().into_owned(),
            schema: T::schema(),
            others,
        }
    }
}

/// What an endpoint answers if it succeeds.
pub(super) enum Content {
    Json(Box<Shape>),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// An endpoint.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// The path below the prefix.
    pub(super) path: &'static str,
    pub(super) role: Role,
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Shape>,
    pub(super) answer: Content,
    pub(super) handler: MethodRouter<Shared>,
}

impl Route {
    fn new(
        method: &'static str,
        path: &'static str,
        role: Role,
        handler: MethodRouter<Shared>,
    ) -> Self {
        Self {
            method,
            path,
            role,
            summary: "",
            parameters: Vec::new(),
            body: None,
            answer: Content::Bytes("application/octet-stream"),
            handler,
        }
    }

    /// Something to look at.
    pub(super) fn get(path: &'static str, role: Role, handler: MethodRouter<Shared>) -> Self {
        Self::new("get", path, role, handler)
    }

    /// A change.
    pub(super) fn post(path: &'static str, handler: MethodRouter<Shared>) -> Self {
        Self::new("post", path, Role::Operator, handler)
    }

    /// A change that can be repeated.
    pub(super) fn put(path: &'static str, handler: MethodRouter<Shared>) -> Self {
        Self::new("put", path, Role::Operator, handler)
    }

    /// The end of something.
    pub(super) fn delete(path: &'static str, handler: MethodRouter<Shared>) -> Self {
        Self::new("delete", path, Role::Operator, handler)
    }

    pub(super) fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// Takes this query.
    pub(super) fn takes<Q: IntoParams>(self) -> Self {
        let parameters = Q::into_params(|| Some(ParameterIn::Query));
        Self { parameters, ..self }
    }

    /// Reads this body.
    pub(super) fn reads<B: ToSchema + PartialSchema>(self) -> Self {
        Self {
            body: Some(Shape::of::<B>()),
            ..self
        }
    }

    /// Answers this JSON.
    pub(super) fn answers<A: ToSchema + PartialSchema>(self) -> Self {
        Self {
            answer: Content::Json(Box::new(Shape::of::<A>())),
            ..self
        }
    }

    /// Answers a list of these items.
    pub(super) fn lists<T: ToSchema + PartialSchema>(self) -> Self {
        let mut shape = Shape::of::<List<T>>();
        shape.others.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut shape.others);
        Self {
            answer: Content::Json(Box::new(shape)),
            ..self
        }
    }

    /// Answers bytes of this media type.
    pub(super) fn answers_bytes(self, media_type: &'static str) -> Self {
        Self {
            answer: Content::Bytes(media_type),
            ..self
        }
    }
}
