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

/** What is published. The consumer validates it again: anybody may publish to the exchange. */
export class Order extends OrderDetails {
  @IsUUID()
  id!: string;
}
