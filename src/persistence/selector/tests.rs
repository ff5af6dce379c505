mod address;
mod concurrency;
mod cookie;
mod failure;
mod farm;
mod model;
mod returns;
mod tables;
