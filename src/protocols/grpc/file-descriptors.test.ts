/** What Go's protodesc checks of descriptors before grpcurl can use them; proto-loader's own fail each of these. */
import { loadSync, type MessageTypeDefinition } from "@grpc/proto-loader";
import { expect, test } from "vitest";
import { adminPackage } from "../../wire/admin-api.ts";
import { nodePackage } from "../../wire/node-api.ts";
import { sdsPackage } from "../../wire/sds-api.ts";
import { workloadPackage } from "../../wire/workload-api.ts";
import { fileDescriptors } from "./file-descriptors.ts";

type Message = {
  name: string;
  field?: { name: string; typeName?: string }[];
  nestedType?: Message[];
  enumType?: { name: string }[];
  options?: { mapEntry?: boolean };
};
type File = {
  name: string;
  package?: string;
  dependency?: string[];
  messageType?: Message[];
  enumType?: { name: string }[];
  service?: { name: string; method?: { inputType: string; outputType: string }[] }[];
};
const read = loadSync("google/protobuf/descriptor.proto", {})[
  "google.protobuf.FileDescriptorProto"
] as unknown as MessageTypeDefinition<File, File>;

const names = (scope: string, { name, nestedType = [], enumType = [] }: Message): string[] => [
  `${scope}.${name}`,
  ...enumType.map((one) => `${scope}.${name}.${one.name}`),
  ...nestedType.flatMap((nested) => names(`${scope}.${name}`, nested)),
];
const declared = (file: File): string[] => {
  const scope = file.package ? `.${file.package}` : "";
  const enums = (file.enumType ?? []).map(({ name }) => `${scope}.${name}`);
  return [...(file.messageType ?? []).flatMap((message) => names(scope, message)), ...enums];
};
const fieldsOf = (message: Message): NonNullable<Message["field"]> => [
  ...(message.field ?? []),
  ...(message.nestedType ?? []).flatMap(fieldsOf),
];
const referred = ({ messageType = [], service = [] }: File): string[] => [
  ...messageType.flatMap(fieldsOf).flatMap(({ typeName }) => typeName ?? []),
  ...service.flatMap(({ method = [] }) =>
    method.flatMap(({ inputType, outputType }) => [inputType, outputType]),
  ),
];

const doors = {
  agent: [sdsPackage, workloadPackage],
  server: [nodePackage, adminPackage],
  admin: [adminPackage],
};

test.each(Object.entries(doors))("%s: every file is whole and imports what it refers to", (_, loaded) => {
  const files = fileDescriptors(loaded).map((bytes) => read.deserialize(bytes));
  const byName = new Map(files.map((file) => [file.name, file]));
  expect(byName.size).toBe(files.length);
  for (const file of files) {
    const imported = (file.dependency ?? []).map((name) => byName.get(name));
    expect(imported).not.toContain(undefined);
    const known = new Set([file, ...imported].flatMap((one) => (one ? declared(one) : [])));
    expect(referred(file).filter((name) => !known.has(name))).toEqual([]);
  }
});

test.each(Object.entries(doors))("%s: no file imports itself, however long the way", (_, loaded) => {
  const files = fileDescriptors(loaded).map((bytes) => read.deserialize(bytes));
  const open = new Map(files.map(({ name, dependency = [] }) => [name, new Set(dependency)]));
  const ready = () => [...open].find(([, dependency]) => dependency.size === 0)?.[0];
  for (let name = ready(); name !== undefined; name = ready()) {
    open.delete(name);
    for (const dependency of open.values()) dependency.delete(name);
  }
  expect([...open.keys()]).toEqual([]);
});

test("the message of a map field is named as readers expect", () => {
  const entries = (message: Message): Message[] => [
    ...(message.options?.mapEntry ? [message] : []),
    ...(message.nestedType ?? []).flatMap(entries),
  ];
  const files = fileDescriptors([workloadPackage]).map((bytes) => read.deserialize(bytes));
  const found = files.flatMap(({ messageType = [] }) => messageType.flatMap(entries));
  expect(found.map(({ name }) => name)).toContain("FederatedBundlesEntry");
  expect(found.every(({ name }) => name.endsWith("Entry"))).toBe(true);
});
