export const definitions = 1;
