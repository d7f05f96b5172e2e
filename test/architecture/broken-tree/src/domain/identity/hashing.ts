// pure-core: a pure rule does its own cryptography
import { hash } from "node:crypto";
export const hashing = hash;
