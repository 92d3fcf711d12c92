export * from "./client/index.js";
export * from "./parts/index.js";
