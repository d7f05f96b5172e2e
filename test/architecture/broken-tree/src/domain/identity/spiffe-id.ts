export const spiffeId = 1;
