import { Type } from 'class-transformer';
import { IsInt, IsString, Matches, Max, MaxLength, Min } from 'class-validator';

export class PlaceOrderDto {
  @IsString()
  @Matches(/\S/, { message: '$property must not be blank' })
  @MaxLength(60)
  item!: string;

  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000)
  quantity!: number;
}
