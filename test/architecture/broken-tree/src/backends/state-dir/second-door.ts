// one-hsm-door: a second importer of the HSM's binding
import * as graphene from "graphene-pk11";
export const secondDoor = graphene;
