import { loadSync, type MessageTypeDefinition, type PackageDefinition } from "@grpc/proto-loader";

type Field = {
  readonly name: string;
  readonly label?: string;
  readonly typeName?: string;
};
type Enum = { readonly name: string; readonly reservedRange?: readonly unknown[] };
type Message = {
  readonly name: string;
  readonly field?: readonly Field[];
  readonly nestedType?: readonly Message[];
  readonly enumType?: readonly Enum[];
  readonly options?: { readonly mapEntry?: boolean };
  readonly reservedRange?: readonly unknown[];
};
type Method = { readonly inputType: string; readonly outputType: string };
type Service = { readonly name: string; readonly method?: readonly Method[] };
type File = {
  readonly name: string;
  readonly package?: string;
  readonly dependency?: readonly string[];
  readonly messageType?: readonly Message[];
  readonly enumType?: readonly Enum[];
  readonly extension?: readonly unknown[];
  readonly service?: readonly Service[];
};

/** A message or enum that stands in no other, and the file that it is in. */
type Declared = { readonly file: File } & (
  | { readonly kind: "message"; readonly node: Message }
  | { readonly kind: "enum"; readonly node: Enum }
);

// Without defaults: a field that is not set must not come back as one that is.
const definitions = loadSync("google/protobuf/descriptor.proto", { enums: String });
const FileDescriptor = definitions["google.protobuf.FileDescriptorProto"] as unknown as MessageTypeDefinition<
  File,
  File
>;

/**
 * The services of these packages and all that they refer to, as serialised FileDescriptorProtos that strict readers
 * take (Go's, thus grpcurl's). What proto-loader 0.8 gives has no imports, relative names and misnamed map entries, and
 * files that mix syntaxes; only what calls need is kept.
 */
export function fileDescriptors(packages: readonly PackageDefinition[]): readonly Buffer[] {
  const files = packages.flatMap(readFiles);
  const symbols = new Symbols(files);
  const kept = symbols.reachable(servicesOf(files).flatMap(({ service }) => typesOf(service)));
  const names = new Set([...kept.values(), ...servicesOf(files)].map(({ file }) => file.name));
  return [...names].map((name) => FileDescriptor.serialize(oneFile(name, { files, symbols, kept })));
}

function oneFile(
  name: string,
  all: {
    readonly files: readonly File[];
    readonly symbols: Symbols;
    readonly kept: ReadonlyMap<string, Declared>;
  },
): File {
  const declared = [...all.kept].filter(([, { file }]) => file.name === name);
  const [first] = all.files.filter((file) => file.name === name);
  const service = [
    ...new Map(servicesOf(all.files).map((one) => [`${one.file.name} ${one.service.name}`, one])),
  ]
    .map(([, one]) => one)
    .filter(({ file }) => file.name === name)
    .map((one) => one.service);
  const messageType = declared.flatMap(([fullName, { kind, node }]) =>
    kind === "message" ? [all.symbols.resolved(node, fullName)] : [],
  );
  const enumType = declared.flatMap(([, { kind, node }]) => (kind === "enum" ? [node] : []));
  const types = [
    ...messageType.flatMap((message) => all.symbols.referredTo(message)),
    ...service.flatMap(typesOf),
  ];
  const dependency = [...new Set(types.flatMap((type) => all.symbols.fileOf(type)))].filter(
    (one) => one !== name,
  );
  return { ...(first as File), dependency, messageType, enumType, service, extension: [] };
}

/** Names are absolute here, with the leading dot that descriptors use. */
class Symbols {
  readonly #topLevel = new Map<string, Declared>();
  /** From each name, of nested messages and enums too, to the outermost one that it is in. */
  readonly #outermost = new Map<string, string>();

  constructor(files: readonly File[]) {
    for (const file of files) {
      const scope = file.package ? `.${file.package}` : "";
      for (const node of file.messageType ?? [])
        this.#declare(`${scope}.${node.name}`, { file, kind: "message", node });
      for (const node of file.enumType ?? [])
        this.#declare(`${scope}.${node.name}`, { file, kind: "enum", node });
    }
  }

  fileOf(type: string): readonly string[] {
    const declared = this.#topLevel.get(this.#outermost.get(type) ?? "");
    return declared ? [declared.file.name] : [];
  }

  /** All top-level messages and enums that these types need, themselves included. */
  reachable(types: readonly string[]): ReadonlyMap<string, Declared> {
    const found = new Map<string, Declared>();
    const open = [...types];
    for (let type = open.pop(); type !== undefined; type = open.pop()) {
      const outermost = this.#outermost.get(type) ?? "";
      const declared = this.#topLevel.get(outermost);
      if (declared === undefined || found.has(outermost)) continue;
      found.set(outermost, declared);
      if (declared.kind === "message") open.push(...this.referredTo(this.resolved(declared.node, outermost)));
    }
    return found;
  }

  /** The message with absolute names for the types of its fields. */
  resolved(message: Message, fullName: string): Message {
    const field = (message.field ?? []).map((one) =>
      one.typeName === undefined ? one : { ...one, typeName: this.#absolute(one.typeName, fullName) },
    );
    const nestedType = (message.nestedType ?? []).map((one) => this.resolved(one, `${fullName}.${one.name}`));
    return { ...message, field, nestedType };
  }

  referredTo({ field = [], nestedType = [] }: Message): readonly string[] {
    const own = field.flatMap(({ typeName }) => typeName ?? []);
    return [...own, ...nestedType.flatMap((nested) => this.referredTo(nested))];
  }

  #declare(fullName: string, declared: Declared): void {
    if (this.#topLevel.has(fullName)) return;
    this.#topLevel.set(fullName, declared);
    const note = (name: string, node: Message) => {
      this.#outermost.set(name, fullName);
      for (const one of node.enumType ?? []) this.#outermost.set(`${name}.${one.name}`, fullName);
      for (const one of node.nestedType ?? []) note(`${name}.${one.name}`, one);
    };
    note(fullName, declared.node);
  }

  /** The innermost scope that knows the name decides, as in a .proto file. */
  #absolute(name: string, scope: string): string {
    if (name.startsWith(".")) return name;
    for (let within = scope; within !== ""; within = within.slice(0, within.lastIndexOf("."))) {
      if (this.#outermost.has(`${within}.${name}`)) return `${within}.${name}`;
    }
    return `.${name}`;
  }
}

function readFiles(definition: PackageDefinition): readonly File[] {
  const bytes = Object.values(definition).flatMap((one) =>
    "fileDescriptorProtos" in one ? (one.fileDescriptorProtos as Buffer[]) : [],
  );
  // Every definition of one load brings the same list.
  const distinct = new Map(bytes.map((one) => [one.toString("base64"), one]));
  return [...distinct.values()].map((one) => {
    const file = FileDescriptor.deserialize(one);
    const messageType = (file.messageType ?? []).map(mended);
    return { ...file, messageType, enumType: unreserved(file.enumType) };
  });
}

/**
 * protobufjs names the hidden message of a map field after the field alone, where it must end with "Entry", and ends
 * reserved ranges one too early, which no call needs.
 */
function mended(message: Message): Message {
  const nested = message.nestedType ?? [];
  const entries = new Set(nested.filter(({ options }) => options?.mapEntry).map(({ name }) => name));
  const entry = (name: string) => `${name}Entry`;
  return {
    ...message,
    reservedRange: [],
    enumType: unreserved(message.enumType),
    nestedType: nested.map((one) =>
      entries.has(one.name) ? { ...one, name: entry(one.name) } : mended(one),
    ),
    field: (message.field ?? []).map((one) =>
      one.typeName !== undefined && entries.has(one.typeName)
        ? { ...one, typeName: entry(one.typeName) }
        : one,
    ),
  };
}

const unreserved = (enums: readonly Enum[] = []): readonly Enum[] =>
  enums.map((one) => ({ ...one, reservedRange: [] }));

const servicesOf = (files: readonly File[]): { readonly file: File; readonly service: Service }[] =>
  files.flatMap((file) => (file.service ?? []).map((service) => ({ file, service })));

const typesOf = ({ method = [] }: Service): string[] =>
  method.flatMap(({ inputType, outputType }) => [inputType, outputType]);
