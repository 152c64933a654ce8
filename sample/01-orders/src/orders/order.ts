import { IsInt, IsString, IsUUID, Matches, Max, MaxLength, Min } from 'class-validator';

const NOT_BLANK = { message: '$property must not be blank' };

export class OrderDetails {
  @IsString()
  @Matches(/\S/, NOT_BLANK)
  @MaxLength(60)
  customer!: string;

  @IsString()
  @Matches(/\S/, NOT_BLANK)
  @MaxLength(60)
  item!: string;

  @IsInt()
  @Min(1)
  @Max(1_000)
  quantity!: number;
}

/** The published message. The consumer validates it again, since any client may publish to the exchange. */
export class Order extends OrderDetails {
  @IsUUID()
  id!: string;
}
